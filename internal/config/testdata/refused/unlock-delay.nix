{ hypervisor.hardening.unlockDelay = "3 days"; }
