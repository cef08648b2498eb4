package config

var firstVMs = []string{"first-vm.json", "first-vm.yaml"}
