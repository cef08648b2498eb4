package fakeqemu

import (
	"encoding/json"
	"fmt"
	"strings"
)

// refusal is an error as QEMU words it.
type refusal struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

func (r *refusal) Error() string { return r.Desc }

func refuse(format string, args ...any) error {
	return &refusal{"GenericError", fmt.Sprintf(format, args...)}
}

func noCommand(format string, args ...any) error {
	return &refusal{"CommandNotFound", fmt.Sprintf(format, args...)}
}

func noDevice(id string) error {
	return &refusal{"DeviceNotFound", fmt.Sprintf("Device '%s' not found", id)}
}

// checkArguments holds arguments against the recorded schema and words the first problem as QEMU's
// input visitor does.
func (q *QEMU) checkArguments(command string, args json.RawMessage) error {
	problems := q.schema.CheckArguments(command, args)
	if len(problems) == 0 {
		return nil
	}
	path, problem, _ := strings.Cut(problems[0], ": ")
	path = strings.TrimPrefix(strings.TrimPrefix(path, command), ".")
	words := strings.Fields(problem)
	switch {
	case strings.HasSuffix(problem, " is missing"):
		return refuse("Parameter '%s' is missing", member(path, words[0]))
	case strings.HasSuffix(problem, " is unknown"):
		return refuse("Parameter '%s' is unexpected", member(path, words[0]))
	case strings.Contains(problem, " is none of "):
		value, _, _ := strings.Cut(problem, " is none of ")
		return refuse("Parameter '%s' does not accept value '%s'", member(path, ""), value)
	case len(words) > 2 && words[1] == "where":
		return refuse("Invalid parameter type for '%s', expected: %s", member(path, ""), kinds[words[len(words)-2]])
	}
	return refuse("Invalid parameter type for '%s'", member(path, ""))
}

// member is the name of a member at path, as the visitor gives it: an item of a list has none.
func member(path, name string) string {
	if strings.HasSuffix(path, "]") {
		return "null"
	}
	return strings.Trim(path+"."+name, ".")
}

var kinds = map[string]string{
	"string": "string", "boolean": "boolean", "int": "integer", "number": "number", "array": "array", "object": "object",
}
