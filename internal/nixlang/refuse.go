package nixlang

// What this evaluator does not have is refused when it is used, by name and with the next step;
// merely naming it is fine.

// refusal is a value that cannot be had.
func refusal(name, why, hint string) *value {
	return lazyValue(func(*machine) (*value, error) {
		return nil, failf(pos{}, "%s is not available here: %s", name, why).try("%s", hint)
	})
}

const (
	whyStore   = "it needs a Nix store, and evaluation here has none"
	whyNetwork = "it reads from the network, and evaluation here is offline"
	whyImpure  = "its value depends on the machine that evaluates"
	hintData   = "write the value itself into the declaration"
	hintFile   = "put the file into the declared folder and import it"
	hintLater  = "leave it out, or write the result of it"
	whyMissing = "this build does not have it"
)

var refusedBuiltins = []struct{ name, why, hint string }{
	{"derivation", whyStore, hintData},
	{"derivationStrict", whyStore, hintData},
	{"placeholder", whyStore, hintData},
	{"storePath", whyStore, hintData},
	{"storeDir", whyStore, hintData},
	{"toFile", whyStore, hintData},
	{"path", whyStore, hintData},
	{"filterSource", whyStore, hintData},
	{"toPath", "paths made of text are deprecated in Nix", "write a path without quotes: ./file"},
	{"fetchurl", whyNetwork, hintFile},
	{"fetchTarball", whyNetwork, hintFile},
	{"fetchGit", whyNetwork, hintFile},
	{"fetchMercurial", whyNetwork, hintFile},
	{"fetchTree", whyNetwork, hintFile},
	{"fetchClosure", whyNetwork, hintFile},
	{"getFlake", whyNetwork, hintFile},
	{"currentTime", whyImpure, hintData},
	{"currentSystem", whyImpure, hintData},
	{"nixPath", whyImpure, hintFile},
	{"findFile", whyImpure, hintFile},
	{"nixVersion", "this is not Nix itself but its language", "use builtins.langVersion"},
	{"exec", whyImpure, hintData},
	{"importNative", whyImpure, hintData},
	{"scopedImport", whyMissing, "import the file and call it with the values it needs"},
	{"toXML", whyMissing, "use builtins.toJSON"},
	{"appendContext", whyStore, hintLater},
}
