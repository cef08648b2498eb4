# Made from internal/feature/catalogue: go test ./nix -update
{
  features = [
    {
      id = "vmManagement";
      core = true;
      risk = "minimal";
      closure = [
        "vmManagement"
      ];
      exposes = "QEMU's device models to what runs in a guest";
      platforms = {
        macOS = "macOS is a client only: no VM can run on it";
      };
    }
    {
      id = "privilegeSeparation";
      core = true;
      risk = "minimal";
      closure = [
        "privilegeSeparation"
      ];
      exposes = "one program that runs as root";
      platforms = { };
    }
    {
      id = "auditLogging";
      core = true;
      risk = "minimal";
      closure = [
        "auditLogging"
      ];
      exposes = "names of users and VMs to whoever may read the log";
      platforms = { };
    }
    {
      id = "basicMonitoring";
      core = true;
      risk = "minimal";
      closure = [
        "basicMonitoring"
      ];
      exposes = "the load of VMs to members of the group hypervisor";
      platforms = { };
    }
    {
      id = "monitoring";
      core = false;
      risk = "minimal";
      closure = [
        "basicMonitoring"
        "monitoring"
      ];
      exposes = "two weeks of the VMs' load to members of the group hypervisor";
      platforms = { };
    }
    {
      id = "prometheusExport";
      core = false;
      risk = "moderate";
      closure = [
        "basicMonitoring"
        "monitoring"
        "prometheusExport"
      ];
      exposes = "names and load of VMs to whoever may scrape";
      platforms = { };
    }
    {
      id = "cliEnhancements";
      core = false;
      risk = "minimal";
      closure = [
        "cliEnhancements"
      ];
      exposes = "nothing that the plain CLI does not show";
      platforms = { };
    }
    {
      id = "snapshots";
      core = false;
      risk = "minimal";
      closure = [
        "snapshots"
      ];
      exposes = "older states, and secrets in them, to whoever may restore";
      platforms = { };
    }
    {
      id = "localBackup";
      core = false;
      risk = "minimal";
      closure = [
        "localBackup"
      ];
      exposes = "a second copy of every disk on this host";
      platforms = { };
    }
    {
      id = "remoteBackup";
      core = false;
      risk = "moderate";
      closure = [
        "localBackup"
        "remoteBackup"
      ];
      exposes = "copies of disks, and the credentials to reach them, outside this host";
      platforms = { };
    }
    {
      id = "continuousReplication";
      core = false;
      risk = "moderate";
      closure = [
        "basicMonitoring"
        "monitoring"
        "localBackup"
        "remoteBackup"
        "continuousReplication"
      ];
      exposes = "a live copy of every replicated disk on a second host";
      platforms = { };
    }
    {
      id = "encryption";
      core = false;
      risk = "minimal";
      closure = [
        "encryption"
      ];
      exposes = "data to loss: what is encrypted is gone with its key";
      platforms = { };
    }
    {
      id = "microSegmentation";
      core = false;
      risk = "low";
      closure = [
        "microSegmentation"
      ];
      exposes = "a wrong policy can cut a VM off";
      platforms = { };
    }
    {
      id = "threatDetection";
      core = false;
      risk = "low";
      closure = [
        "basicMonitoring"
        "monitoring"
        "threatDetection"
      ];
      exposes = "detectors read what VMs do";
      platforms = { };
    }
    {
      id = "behavioralAnalysis";
      core = false;
      risk = "low";
      closure = [
        "basicMonitoring"
        "monitoring"
        "behavioralAnalysis"
      ];
      exposes = "baselines describe how a VM is used";
      platforms = { };
    }
    {
      id = "forensics";
      core = false;
      risk = "low";
      closure = [
        "auditLogging"
        "forensics"
      ];
      exposes = "a memory image holds what the guest held, its secrets too";
      platforms = { };
    }
    {
      id = "threatIntelligence";
      core = false;
      risk = "low";
      closure = [
        "basicMonitoring"
        "monitoring"
        "threatDetection"
        "threatIntelligence"
      ];
      exposes = "a feed that was tampered with causes false findings";
      platforms = { };
    }
    {
      id = "mlAnalysis";
      core = false;
      risk = "moderate";
      closure = [
        "basicMonitoring"
        "monitoring"
        "mlAnalysis"
      ];
      exposes = "models learn from what VMs do and can be misled by it";
      platforms = { };
    }
    {
      id = "automatedResponse";
      core = false;
      risk = "high";
      closure = [
        "basicMonitoring"
        "monitoring"
        "threatDetection"
        "automatedResponse"
      ];
      exposes = "a false finding, or one provoked on purpose, can take a VM out of service";
      platforms = { };
    }
    {
      id = "webDashboard";
      core = false;
      risk = "moderate";
      closure = [
        "webDashboard"
      ];
      exposes = "a log-in page on the network";
      platforms = { };
    }
    {
      id = "api";
      core = false;
      risk = "moderate";
      closure = [
        "auditLogging"
        "api"
      ];
      exposes = "every action of the product to whoever holds a key";
      platforms = { };
    }
    {
      id = "publicBridge";
      core = false;
      risk = "high";
      closure = [
        "microSegmentation"
        "publicBridge"
      ];
      exposes = "VMs to everybody on the public network";
      platforms = { };
    }
    {
      id = "liveMigration";
      core = false;
      risk = "high";
      closure = [
        "liveMigration"
      ];
      exposes = "a VM's memory on the network, and its control to a second host";
      platforms = { };
    }
    {
      id = "gpuPassthrough";
      core = false;
      risk = "high";
      closure = [
        "gpuPassthrough"
      ];
      exposes = "a device with direct memory access and its firmware to the guest";
      platforms = {
        BSD = "assigning a device needs VFIO, which is an interface of the Linux kernel";
        macOS = "assigning a device needs VFIO, which is an interface of the Linux kernel";
      };
    }
    {
      id = "devicePassthrough";
      core = false;
      risk = "high";
      closure = [
        "devicePassthrough"
      ];
      exposes = "a device with direct memory access and its firmware to the guest";
      platforms = {
        BSD = "assigning a device needs VFIO, which is an interface of the Linux kernel";
        macOS = "assigning a device needs VFIO, which is an interface of the Linux kernel";
      };
    }
    {
      id = "srIov";
      core = false;
      risk = "high";
      closure = [
        "srIov"
      ];
      exposes = "a part of a shared card to the guest; its packets pass the host unseen";
      platforms = {
        BSD = "assigning a device needs VFIO, which is an interface of the Linux kernel";
        "Linux ARM64" = "virtual functions are not supported on ARM64 hosts";
        macOS = "assigning a device needs VFIO, which is an interface of the Linux kernel";
      };
    }
    {
      id = "nestedVirtualization";
      core = false;
      risk = "moderate";
      closure = [
        "nestedVirtualization"
      ];
      exposes = "the kernel's nested-paging code to the guest";
      platforms = { };
    }
    {
      id = "devEnvironments";
      core = false;
      risk = "low";
      closure = [
        "devEnvironments"
      ];
      exposes = "VMs with tools and wide access to the network";
      platforms = { };
    }
    {
      id = "containers";
      core = false;
      risk = "low";
      closure = [
        "containers"
      ];
      exposes = "the host's kernel to what runs in a container";
      platforms = { };
    }
    {
      id = "vmImport";
      core = false;
      risk = "low";
      closure = [
        "vmImport"
      ];
      exposes = "readers of foreign formats to files from elsewhere";
      platforms = { };
    }
  ];
  conflicts = [
    {
      a = "remoteBackup";
      b = "liveMigration";
      scope = "host";
      choices = [
        "host"
        "vm"
        "operation"
      ];
      narrower = [
        {
          scope = "vm";
          adds = "a VM with remote backups never live-migrates; an evacuation has to stop it";
        }
        {
          scope = "operation";
          adds = "a backup waits for a migration and the other way round, and the dirty bitmaps travel: backups may come late, and an evacuation waits for a backup";
        }
      ];
      reason = "a running backup job and a migration of the same VM exclude each other";
      remedy = "keep one of the two, or narrow the pair";
    }
    {
      a = "continuousReplication";
      b = "liveMigration";
      scope = "host";
      choices = [
        "host"
        "vm"
      ];
      narrower = [
        {
          scope = "vm";
          adds = "a replicated VM never live-migrates elsewhere; an evacuation has to fail over to its replica";
        }
      ];
      reason = "a replicated VM may only move to its replica";
      remedy = "keep one of the two, or narrow the pair";
    }
    {
      a = "gpuPassthrough";
      b = "liveMigration";
      scope = "host";
      choices = [
        "host"
        "vm"
      ];
      narrower = [
        {
          scope = "vm";
          adds = "a VM with such a device cannot live-migrate, its neighbours can; an evacuation has to stop it";
        }
      ];
      reason = "a device's state does not move: a VM that holds the device cannot move while it runs";
      remedy = "keep one of the two, or narrow the pair";
    }
    {
      a = "devicePassthrough";
      b = "liveMigration";
      scope = "vm";
      choices = [
        "vm"
      ];
      narrower = [ ];
      reason = "a device's state does not move: a VM that holds the device cannot move while it runs";
      remedy = "give devices to VMs that need not move";
    }
    {
      a = "srIov";
      b = "liveMigration";
      scope = "vm";
      choices = [
        "vm"
      ];
      narrower = [ ];
      reason = "a device's state does not move: a VM that holds the device cannot move while it runs";
      remedy = "give virtual functions to VMs that need not move";
    }
  ];
  profiles = [
    {
      name = "minimal";
      list = false;
      members = [
        "monitoring"
        "localBackup"
        "cliEnhancements"
      ];
    }
    {
      name = "balanced";
      list = false;
      members = [
        "monitoring"
        "localBackup"
        "cliEnhancements"
        "snapshots"
        "encryption"
        "microSegmentation"
        "webDashboard"
        "remoteBackup"
      ];
    }
    {
      name = "full";
      list = false;
      members = [
        "monitoring"
        "prometheusExport"
        "cliEnhancements"
        "snapshots"
        "localBackup"
        "remoteBackup"
        "continuousReplication"
        "encryption"
        "microSegmentation"
        "threatDetection"
        "behavioralAnalysis"
        "forensics"
        "threatIntelligence"
        "mlAnalysis"
        "automatedResponse"
        "webDashboard"
        "api"
        "publicBridge"
        "liveMigration"
        "gpuPassthrough"
        "devicePassthrough"
        "srIov"
        "nestedVirtualization"
        "devEnvironments"
        "containers"
        "vmImport"
      ];
    }
    {
      name = "custom";
      list = true;
      members = [ ];
    }
  ];
  tolerances = [
    {
      name = "paranoid";
      cap = "low";
      waives = false;
    }
    {
      name = "cautious";
      cap = "moderate";
      waives = false;
    }
    {
      name = "balanced";
      cap = "high";
      waives = false;
    }
    {
      name = "accepting";
      cap = "critical";
      waives = true;
    }
  ];
  risks = [
    "minimal"
    "low"
    "moderate"
    "high"
    "critical"
  ];
  aliases = {
    aiAnomalyDetection = "mlAnalysis";
    continuousBackup = "continuousReplication";
    graphqlApi = "api";
    metrics = "monitoring";
    nestedVirt = "nestedVirtualization";
    prometheus = "prometheusExport";
    publicNetworkBridge = "publicBridge";
    restApi = "api";
    sriov = "srIov";
  };
  notInBuild = [
    "basicMonitoring"
    "monitoring"
    "prometheusExport"
    "cliEnhancements"
    "localBackup"
    "remoteBackup"
    "continuousReplication"
    "microSegmentation"
    "threatDetection"
    "behavioralAnalysis"
    "forensics"
    "threatIntelligence"
    "mlAnalysis"
    "automatedResponse"
    "webDashboard"
    "api"
    "publicBridge"
    "liveMigration"
    "gpuPassthrough"
    "devicePassthrough"
    "srIov"
    "containers"
    "vmImport"
  ];
  defaultProfile = "balanced";
  defaultTolerance = "balanced";
  maxEntries = 256;
}
