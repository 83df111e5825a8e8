"""The study as a course: exercises on each student's own cohort, handed out and graded.

`check` and `student` are what a student's notebook imports, `key` and `slips` what a master does;
`make_class` and `grade_class` are behind `allrelapse classroom make` and `grade`.
"""
