package vm

import "slices"

// Circle returns VMs of which each is to start after the next and the last after the first, if there are any. after
// says for each VM after which ones it starts.
func Circle(after map[string][]string) []string {
	done := map[string]bool{}
	var path []string
	var visit func(string) []string
	visit = func(name string) []string {
		if i := slices.Index(path, name); i >= 0 {
			return slices.Clone(path[i:])
		}
		if done[name] {
			return nil
		}
		path = append(path, name)
		for _, next := range after[name] {
			if found := visit(next); found != nil {
				return found
			}
		}
		path = path[:len(path)-1]
		done[name] = true
		return nil
	}
	for _, name := range sortedKeys(after) {
		if found := visit(name); found != nil {
			return found
		}
	}
	return nil
}
