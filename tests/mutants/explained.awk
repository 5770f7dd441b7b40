# SPDX-License-Identifier: Apache-2.0
# What tests/mutants/explained says, and where. A row is of one line: a text that stands in its file
# more than once is told by the functions it is meant in, FILE:FUNCTION[,FUNCTION...].

# The function that line `number` of `file` is in. Definitions begin in the first column here.
function function_of(file, number,    line, n, f) {
	if (!((file, number) in in_function)) {
		for (n = 1; (getline line < file) > 0; n++) {
			if (line ~ /^[a-zA-Z_].*[a-z_0-9]\(/ && line !~ /;[ \t]*$/ && line !~ /^typedef/) {
				f = line; sub(/\(.*/, "", f); sub(/.*[ *]/, "", f)
			}
			in_function[file, n] = f
			sub(/^[ \t]+/, "", line)
			gsub(/\t/, " ", line) # as mutate prints it
			stands[file, line] = stands[file, line] (stands[file, line] ? "," : "") f
		}
		close(file)
	}
	return in_function[file, number]
}
# One row of the list, in $1 to $4. Returns what is wrong with it, or nothing.
function explained_row(    at, file, many, i, of, all, fault) {
	if (NF != 4 || $4 == "")
		return "expected four fields: file, line, line broken, why"
	split($1, at, ":")
	file = at[1]
	function_of(file, 1)
	if (!((file, $2) in stands))
		return "no such line in " file ": " $2
	many = split(stands[file, $2], all, ",")
	if (!(2 in at)) {
		if (many > 1)
			fault = "stands in " file " " many " times (" stands[file, $2] "), which is meant? " $2
		why[file, all[1], $2, $3] = $4
		return fault
	}
	many = split(at[2], of, ",")
	for (i = 1; i <= many; i++) {
		if (("," stands[file, $2] ",") !~ ("," of[i] ","))
			return "no such line in " of[i] " of " file ": " $2
		why[file, of[i], $2, $3] = $4
	}
	return ""
}
