package tree

import "testing"

func TestYAMLIsReadByTheCoreSchema(t *testing.T) {
	for in, want := range map[string]string{
		"yes": "a string", "on": "a string", "0777": "a whole number", "1_000": "a string", "0x1F": "a whole number", "0o17": "a whole number",
		"1e3": "a number with a fraction", ".inf": "a number with a fraction", "~": "null", "": "null", "null": "null", "True": "a boolean",
		`"5"`: "a string", "'true'": "a string", "2GiB": "a string", "|\n  text": "a string", "12:30:45": "a string", "2001-01-01": "a string",
		"+5": "a whole number", "-007": "a whole number", "0b11": "a string", "=": "a string", "1.": "a number with a fraction",
	} {
		root, found := readYAML("x", "a: "+in+"\n")
		if len(found) > 0 || len(root.Members) != 1 {
			t.Errorf("%q: %v", in, found)
			continue
		}
		if got := root.Members[0].Value.Kind.String(); got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"0777": "777", "0x1F": "31", "0o17": "15", "+5": "5", "-007": "-7", "000": "0"} {
		if root, _ := readYAML("x", "a: "+in); root.Members[0].Value.Text != want {
			t.Errorf("%q is %s, want %s", in, root.Members[0].Value.Text, want)
		}
	}
}
