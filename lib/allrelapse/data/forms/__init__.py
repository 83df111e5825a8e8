"""The forms in which a cohort can come; each module says whether a folder fits and reads it."""
