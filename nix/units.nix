# Made from packaging/systemd: go test ./nix -update
{
  "hv-fetch.socket" = {
    Install = {
      WantedBy = "sockets.target";
    };
    Socket = {
      Accept = "yes";
      DirectoryMode = "0755";
      ListenStream = "/run/hv/fetch.sock";
      MaxConnections = "16";
      RemoveOnStop = "yes";
      SocketGroup = "hvd";
      SocketMode = "0600";
      SocketUser = "hvd";
    };
    Unit = {
      Description = "Hyper-NixOS fetcher: where hvd, which has no network, has images fetched";
      Documentation = "man:hv(1) file:///usr/share/doc/hyper-nixos/images.md.gz";
    };
  };
  "hv-fetch@.service" = {
    Service = {
      AmbientCapabilities = "";
      CapabilityBoundingSet = "";
      DynamicUser = "yes";
      ExecStart = "/usr/libexec/hyper-nixos/hvd fetch";
      InaccessiblePaths = "-/var/lib/hyper-nixos -/etc/hyper-nixos";
      KeyringMode = "private";
      LimitNOFILE = "64";
      LockPersonality = "yes";
      MemoryDenyWriteExecute = "yes";
      MemoryMax = "256M";
      NoNewPrivileges = "yes";
      PrivateDevices = "yes";
      PrivateTmp = "yes";
      PrivateUsers = "yes";
      ProcSubset = "pid";
      ProtectClock = "yes";
      ProtectControlGroups = "yes";
      ProtectHome = "yes";
      ProtectHostname = "yes";
      ProtectKernelLogs = "yes";
      ProtectKernelModules = "yes";
      ProtectKernelTunables = "yes";
      ProtectProc = "invisible";
      ProtectSystem = "strict";
      RemoveIPC = "yes";
      RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6";
      RestrictNamespaces = "yes";
      RestrictRealtime = "yes";
      RestrictSUIDSGID = "yes";
      RuntimeMaxSec = "3d";
      StandardError = "journal";
      StandardInput = "socket";
      StandardOutput = "journal";
      SystemCallArchitectures = "native";
      SystemCallErrorNumber = "EPERM";
      SystemCallFilter = [
        "@system-service"
        "~@privileged @resources"
      ];
      TasksMax = "32";
      UMask = "0077";
    };
    Unit = {
      CollectMode = "inactive-or-failed";
      Description = "Hyper-NixOS fetcher: one download for hvd";
      Documentation = "man:hv(1) file:///usr/share/doc/hyper-nixos/images.md.gz";
    };
  };
  "hv-guests.service" = {
    Install = {
      WantedBy = "multi-user.target";
    };
    Service = {
      ExecStop = "/usr/bin/hv host stop-vms --timeout 14m";
      RemainAfterExit = "yes";
      TimeoutStopSec = "15min";
      Type = "oneshot";
    };
    Unit = {
      After = "hv-helper.service hvd.service network.target";
      Description = "Hyper-NixOS VMs: stopped in order when the host shuts down";
      Documentation = "man:hv(1)";
    };
  };
  "hv-helper.service" = {
    Install = {
      WantedBy = "multi-user.target";
    };
    Service = {
      CapabilityBoundingSet = "CAP_SYS_ADMIN CAP_MKNOD CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_KILL CAP_SYS_PTRACE CAP_SYS_RESOURCE CAP_SYS_NICE CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH";
      ExecStart = "/usr/libexec/hyper-nixos/hv-helper --state /var/lib/hyper-nixos";
      KeyringMode = "private";
      KillMode = "process";
      LimitMEMLOCK = "infinity";
      LimitNOFILE = "1048576";
      LockPersonality = "yes";
      NoNewPrivileges = "yes";
      OOMPolicy = "continue";
      PrivateTmp = "yes";
      ProtectHome = "yes";
      ProtectHostname = "yes";
      ProtectKernelLogs = "yes";
      ProtectKernelModules = "yes";
      ProtectKernelTunables = "yes";
      ProtectSystem = "strict";
      ReadWritePaths = "/var/lib/hyper-nixos /sys/fs/cgroup -/run/lvm -/run/lock/lvm -/etc/lvm";
      Restart = "always";
      RestartSec = "500ms";
      RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6 AF_NETLINK";
      RestrictRealtime = "yes";
      RuntimeDirectory = "hv";
      RuntimeDirectoryMode = "0755";
      RuntimeDirectoryPreserve = "yes";
      SystemCallArchitectures = "native";
      SystemCallErrorNumber = "EPERM";
      SystemCallFilter = "~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap";
      TasksMax = "infinity";
      Type = "notify";
      UMask = "0077";
    };
    Unit = {
      After = "dbus.socket dbus.service network.target";
      Description = "Hyper-NixOS helper, which starts VMs without privileges and is the only program that has them";
      Documentation = "man:hv(1) file:///usr/share/doc/hyper-nixos/security.md.gz";
      RequiresMountsFor = "/var/lib/hyper-nixos";
      StartLimitIntervalSec = "0";
      Wants = "dbus.socket";
    };
  };
  "hvd.service" = {
    Install = {
      WantedBy = "multi-user.target";
    };
    Service = {
      AmbientCapabilities = "";
      CapabilityBoundingSet = "";
      DeviceAllow = "block-device-mapper rw";
      ExecStart = "/usr/libexec/hyper-nixos/hvd --fetcher /run/hv/fetch.sock";
      Group = "hvd";
      IPAddressDeny = "any";
      KeyringMode = "private";
      LimitNOFILE = "1048576";
      LockPersonality = "yes";
      NoNewPrivileges = "yes";
      PrivateDevices = "yes";
      PrivateNetwork = "yes";
      PrivateTmp = "yes";
      ProtectClock = "yes";
      ProtectControlGroups = "yes";
      ProtectHome = "yes";
      ProtectHostname = "yes";
      ProtectKernelLogs = "yes";
      ProtectKernelModules = "yes";
      ProtectKernelTunables = "yes";
      ProtectProc = "invisible";
      ProtectSystem = "strict";
      ReadWritePaths = "/var/lib/hyper-nixos";
      RemoveIPC = "yes";
      Restart = "always";
      RestartPreventExitStatus = "65";
      RestartSec = "500ms";
      RestrictAddressFamilies = "AF_UNIX AF_NETLINK";
      RestrictNamespaces = "yes";
      RestrictRealtime = "yes";
      RestrictSUIDSGID = "yes";
      SystemCallArchitectures = "native";
      SystemCallErrorNumber = "EPERM";
      SystemCallFilter = [
        "@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"
        "~@privileged @resources"
      ];
      Type = "notify";
      UMask = "0077";
      User = "hvd";
    };
    Unit = {
      After = "hv-helper.service hv-fetch.socket";
      Description = "Hyper-NixOS daemon: the API, and what VMs there should be";
      Documentation = "man:hv(1) file:///usr/share/doc/hyper-nixos/README.md.gz";
      RequiresMountsFor = "/var/lib/hyper-nixos";
      StartLimitIntervalSec = "0";
      Wants = "hv-helper.service";
    };
  };
  "hyper-nixos.slice" = {
    Unit = {
      Before = "slices.target";
      Description = "Hyper-NixOS VMs";
      Documentation = "man:hv(1)";
    };
  };
  "tmpfiles.conf" = [
    "d /var/lib/hyper-nixos 1770 root hvd -"
  ];
}
