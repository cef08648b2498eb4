package feature

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
)

// The functions of this file word a remedy as an edit of the declaration. Steps of one way are joined
// by "and", different ways by "; or".

func add(option, name string) string {
	return fmt.Sprintf("add %s to %s.%s", catalogue.Quote(name), section, option)
}

func remove(option, name string) string {
	return fmt.Sprintf("remove %s from %s.%s", catalogue.Quote(name), section, option)
}

// replace writes another name for an entry of a list, or for a key of a map.
func replace(option, name, by string) string {
	return fmt.Sprintf("replace %s with %q in %s.%s", catalogue.Quote(name), by, section, option)
}

func set(option, value string) string {
	return fmt.Sprintf("set %s.%s = %q", section, option, value)
}

func acknowledge(id catalogue.ID) string {
	return set(optRisks+"."+string(id), "why it is worth it")
}

func and(steps ...string) string { return join(" and ", steps) }

func or(ways ...string) string { return join("; or ", ways) }

func join(by string, parts []string) string {
	var out []string
	for _, p := range parts {
		if p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return strings.Join(out, by)
}

// listed is ids as a sentence names them: "a, b and c".
func listed(ids []catalogue.ID) string { return sentence(texts(ids)) }

func sentence(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func texts[T ~string](ids []T) []string {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		names = append(names, string(id))
	}
	return names
}

// sortedKeys is m's keys in an order that does not depend on the run.
func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
