package door

import "github.com/hyper-nixos/hyper-nixos/internal/privilege"

type secret privilege.Secret

func (s *secret) check(w *wrong, files int) {
	ok := s.Key != "" && len(s.Key) <= 63 && s.Key[0] != '-' && s.Key[len(s.Key)-1] != '-'
	for i := range len(s.Key) { // it becomes a part of an argument
		ok = ok && (digit(s.Key[i]) || lower(s.Key[i]) || s.Key[i] == '-')
	}
	w.unless(ok, "key: %.80q is no name of a key", s.Key)
	w.unless(s.With == "" || s.With == "auto" || s.With == "host" || s.With == "tpm2" || s.With == "host+tpm2", "with: %.20q is none of auto, host, tpm2, host+tpm2", s.With)
	w.unless(files == 1, "%d file descriptors came where one belongs", files)
}
