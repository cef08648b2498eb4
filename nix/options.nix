# Made from the schema and the catalogue: go test ./nix -update
{ lib, ... }:
let
  inherit (lib) mkOption types;
  named = pattern: most: type: types.addCheck (types.attrsOf type)
    (v: builtins.length (builtins.attrNames v) <= most
      && lib.all (n: pattern == null || builtins.match pattern n != null) (builtins.attrNames v));
  upTo = most: type: types.addCheck (types.listOf type) (v: builtins.length v <= most);
  size = types.either types.ints.positive (types.strMatching " *[0-9]*[.]?[0-9]+ *([PTGMKptgmk]|[PTGMK]iB|B)? *");
in
{
  options.hypervisor = {
    host = {
      name = mkOption {
        type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
        default = null;
        description = "What the host is called in lists and events: a DNS label. Its host name when absent.";
      };
      description = mkOption {
        type = types.nullOr (types.str);
        default = null;
        description = "A few words for people, up to 1024 bytes.";
      };
    };
    hardening = {
      unlockDelay = mkOption {
        type = types.nullOr (types.strMatching "[0-9]{1,6}[smhd]");
        default = null;
        description = "How long the host stays hardened after it was unlocked with the recovery key: from 1m to 7d, 10m when absent.";
      };
    };
    storage = {
      pools = mkOption {
        type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 64 (types.submodule { options = {
          kind = mkOption {
            type = types.nullOr (types.enum [ "dir" "lvm-thin" ]);
            default = null;
            description = "What keeps its volumes: dir (when absent), files in a folder, or lvm-thin, thin logical volumes.";
          };
          path = mkOption {
            type = types.nullOr (types.strMatching "/.+");
            default = null;
            description = "dir: the folder, absolute and without links. It is the daemon's own; below /srv, /mnt, /media and /data it is made where it is missing.";
          };
          volumeGroup = mkOption {
            type = types.nullOr (types.strMatching "[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}");
            default = null;
            description = "lvm-thin: the volume group.";
          };
          thinPool = mkOption {
            type = types.nullOr (types.strMatching "[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}");
            default = null;
            description = "lvm-thin: the logical volume in it that is the thin pool.";
          };
          warnPercent = mkOption {
            type = types.nullOr (types.ints.between 1 100);
            default = null;
            description = "How full it gets before that is told; 80 when absent.";
          };
          stopPercent = mkOption {
            type = types.nullOr (types.ints.between 1 100);
            default = null;
            description = "How full it gets before nothing new is made in it; 95 when absent.";
          };
          retention = mkOption {
            type = types.nullOr (types.strMatching "(0|[0-9]{1,10}[smhd])");
            default = null;
            description = "How long what is deleted lies in the trash: 7d when absent, 0 for no trash.";
          };
        }; });
        default = { };
        description = "Pools, by name. default is always there: a folder of the daemon's own, of which only watermarks and retention are declared.";
      };
      shares = mkOption {
        type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 64 (types.submodule { options = {
          path = mkOption {
            type = types.strMatching "/(srv|mnt|media|data)/.+";
            description = "The folder, below /srv, /mnt, /media or /data, with everything above it root's alone. Its owner is who a guest is there.";
          };
          readOnly = mkOption {
            type = types.nullOr (types.bool);
            default = null;
            description = "Whether guests only read it; no when absent.";
          };
        }; });
        default = { };
        description = "Folders of the host's that VMs may mount by virtiofs, by name.";
      };
      keys = mkOption {
        type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 64 (types.submodule { options = {
          kind = mkOption {
            type = types.nullOr (types.enum [ "passphrase" "systemd-creds" "command" ]);
            default = null;
            description = "What seals it: passphrase (when absent), which hv key unlock asks for, systemd-creds, or what a command prints.";
          };
          "with" = mkOption {
            type = types.nullOr (types.enum [ "auto" "host" "tpm2" "host+tpm2" ]);
            default = null;
            description = "systemd-creds: what it seals with: auto (when absent), host, tpm2 or host+tpm2.";
          };
          command = mkOption {
            type = upTo 32 (types.str);
            default = [ ];
            description = "command: a program, absolute, and its arguments, which hvd runs as its own user; it prints between 16 bytes and 4 KiB.";
          };
        }; });
        default = { };
        description = "Keys to encrypt volumes with, by name. What seals one is declared, never its secret. One called default encrypts every new volume that says nothing else.";
      };
      images = {
        sources = mkOption {
          type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 32 (types.submodule { options = {
            kind = mkOption {
              type = types.nullOr (types.enum [ "index" "simplestreams" ]);
              default = null;
              description = "How it lists them: index (when absent), a folder with a file of sums or a JSON file, or simplestreams.";
            };
            url = mkOption {
              type = types.strMatching "https?://.+";
              description = "Where it is. Everybody may read it: a password in it is refused.";
            };
            insecure = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "Whether it and its images may come over plain http; no when absent.";
            };
            local = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "Whether it may be on this host, or on its link; no when absent.";
            };
          }; });
          default = { };
          description = "Places that list images, by name: hv image search --source NAME.";
        };
      };
    };
    featureManager = {
      profile = mkOption {
        type = types.nullOr (types.enum [ "minimal" "balanced" "full" "custom" ]);
        default = null;
        description = "A named selection of features; balanced when absent. An explicit enabledFeatures beats it. With custom the list has to be written.";
      };
      riskTolerance = mkOption {
        type = types.nullOr (types.enum [ "paranoid" "cautious" "balanced" "accepting" ]);
        default = null;
        description = "The highest risk a feature may have: paranoid up to low, cautious up to moderate, balanced up to high, accepting all. balanced when absent.";
      };
      enabledFeatures = mkOption {
        type = types.nullOr (types.listOf (types.str));
        default = null;
        description = ''
The features to turn on, instead of the profile's. An empty list is core only.

`monitoring` (minimal risk): Keeps the samples of basic monitoring on disk, judges them by alert rules, and draws them.

`prometheusExport` (moderate risk): Offers the samples to a Prometheus server, and tells it which VMs there are.

`cliEnhancements` (minimal risk): A terminal UI for the whole host, and output with colour and small charts.

`snapshots` (minimal risk): Keeps states of a VM's disks, and of its memory where asked, to go back to.

`localBackup` (minimal risk): Copies VMs, in full and then what changed, to storage of this host, and brings them back.

`remoteBackup` (moderate risk): Sends backups to storage that is not this host's: NFS, iSCSI, S3, Ceph or SFTP.

`continuousReplication` (moderate risk): Keeps a standby copy of a VM's disks elsewhere, a few seconds behind, ready to start.

`encryption` (minimal risk): Encrypts disks and backups at rest with keys that the host keeps sealed.

`microSegmentation` (low risk): Puts a firewall before every VM, with policies by name and label instead of addresses.

`threatDetection` (low risk): Judges events, network flows and logs by rules, and tells what looks like an attack.

`behavioralAnalysis` (low risk): Learns what is usual for a VM as plain statistics, and tells what is not, with the figures that say so.

`forensics` (low risk): Takes evidence of a VM, its memory and disks, with hashes and a chain of custody.

`threatIntelligence` (low risk): Takes indicators of known attacks from feeds, and matches them against what VMs do.

`mlAnalysis` (moderate risk): Trains models of what VMs do, on this host, and scores what deviates.

`automatedResponse` (high risk): Lets playbooks act on findings: isolate, pause or snapshot a VM, without waiting for a person.

`webDashboard` (moderate risk): A page in the browser for the host and its VMs, with their consoles and screens.

`api` (moderate risk): REST and GraphQL over the network, for programs that do not run on the host.

`publicBridge` (high risk): Lets VMs stand on a network that everybody reaches, with addresses of their own.

`liveMigration` (high risk): Moves a running VM to another host, with a pause of a fraction of a second.

`gpuPassthrough` (high risk): Gives a whole GPU to one VM.

`devicePassthrough` (high risk): Gives a PCI, NVMe, HBA or USB device to one VM.

`srIov` (high risk): Cuts a card into virtual functions and gives them to VMs.

`nestedVirtualization` (moderate risk): Lets a guest be a host: it is shown the CPU's virtualization and runs VMs of its own.

`devEnvironments` (low risk): Ready VMs for developers, made from templates with their tools.

`containers` (low risk): Runs containers beside VMs, under the same verbs, networks and limits.

`vmImport` (low risk): Takes VMs over from Xen, VMware and Hyper-V, with a report of what could not come along.'';
      };
      extraFeatures = mkOption {
        type = types.listOf (types.str);
        default = [ ];
        description = "Features to turn on beside the profile's.";
      };
      disabledFeatures = mkOption {
        type = types.listOf (types.str);
        default = [ ];
        description = "Features of the profile to leave out.";
      };
      conflictScope = mkOption {
        type = types.attrsOf (types.attrsOf (types.enum [ "host" "vm" "operation" ]));
        default = { };
        description = "How far a conflict between two features reaches: conflictScope.A.B = \"host\", \"vm\" or \"operation\". Each narrowing adds a risk, which is told.";
      };
      acknowledgedRisks = mkOption {
        type = types.attrsOf (types.str);
        default = { };
        description = "Why a high or critical risk is worth it: acknowledgedRisks.FEATURE = \"reason\".";
      };
    };
    vms = mkOption {
      type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 4096 (types.submodule { options = {
        name = mkOption {
          type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
          default = null;
          description = "The VM's name, a DNS label. In a declaration it is the key and may be left out.";
        };
        labels = mkOption {
          type = named null 64 (types.str);
          default = { };
          description = "Labels to select VMs by.";
        };
        description = mkOption {
          type = types.nullOr (types.str);
          default = null;
          description = "A few words for people, up to 1024 bytes.";
        };
        os = mkOption {
          type = types.nullOr (types.enum [ "debian12" "freebsd" "linux" "other" "windows10" "windows11" ]);
          default = null;
          description = "What runs in the guest: firmware, clock, TPM, screen, buses and more follow from it where they are absent.";
        };
        uuid = mkOption {
          type = types.nullOr (types.strMatching "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
          default = null;
          description = "The UUID the guest sees, in lower case. One is made when absent; it never changes after.";
        };
        power = mkOption {
          type = types.nullOr (types.enum [ "on" "off" "paused" "suspended" ]);
          default = null;
          description = "Whether the VM is to run: on, off (when absent), paused with its vCPUs stopped, or suspended: off, with the memory of what ran kept on disk.";
        };
        cpus = mkOption {
          type = types.nullOr (types.ints.between 1 1024);
          default = null;
          description = "vCPUs; 1 when absent.";
        };
        cpusMax = mkOption {
          type = types.nullOr (types.ints.between 1 1024);
          default = null;
          description = "vCPUs that the VM may be given while it runs, by an edit of cpus; as many as cpus when absent. sockets, cores and threads lay out these.";
        };
        cpu = mkOption {
          type = types.nullOr (types.submodule { options = {
            model = mkOption {
              type = types.nullOr (types.strMatching "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}");
              default = null;
              description = "The CPU model: auto (when absent) is host with KVM and the emulator's best without. host is the host's own and needs KVM; max is all that the accelerator can do; any other is a model of QEMU's, which the guest gets whole or does not start.";
            };
            features = mkOption {
              type = named "[a-z0-9][a-z0-9_.-]{0,39}" 64 (types.bool);
              default = { };
              description = "CPU flags to show (true) or hide (false), by QEMU's names: avx2 = false. vmx and svm follow nestedVirtualization.";
            };
            sockets = mkOption {
              type = types.nullOr (types.ints.between 1 1024);
              default = null;
              description = "Sockets; 1 when absent. cpus is sockets times cores times threads, and follows from them when it is absent.";
            };
            cores = mkOption {
              type = types.nullOr (types.ints.between 1 1024);
              default = null;
              description = "Cores of each socket; as many as cpus asks for when absent.";
            };
            threads = mkOption {
              type = types.nullOr (types.ints.between 1 1024);
              default = null;
              description = "Threads of each core; 1 when absent.";
            };
          }; });
          default = null;
          description = "What the guest sees as its processor.";
        };
        memory = mkOption {
          type = types.nullOr (size);
          default = null;
          description = "RAM, a multiple of 1MiB; 512MiB when absent.";
        };
        memoryMax = mkOption {
          type = types.nullOr (size);
          default = null;
          description = "RAM that the VM may be given while it runs, by an edit of memory: virtio-mem. Both are multiples of 2MiB then. As memory when absent.";
        };
        balloon = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "A balloon (virtio-balloon): an edit of memory below what it was started with takes memory back while it runs, and what the guest does not use goes back to the host. There with memoryMax when absent.";
        };
        memoryBacking = mkOption {
          type = types.nullOr (types.submodule { options = {
            hugePages = mkOption {
              type = types.nullOr (size);
              default = null;
              description = "Pages that were set aside on the host, 2MiB or 1GiB each: memory is a multiple of it, and cannot change while the VM runs.";
            };
            locked = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "All of the memory is there from the start and never swapped.";
            };
            hostNodes = mkOption {
              type = types.nullOr (types.strMatching "[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*");
              default = null;
              description = "The host's NUMA nodes that memory comes from, such as 0-1; any when absent.";
            };
            policy = mkOption {
              type = types.nullOr (types.enum [ "bind" "preferred" "interleave" ]);
              default = null;
              description = "How it comes from them: bind (when absent) from nowhere else, preferred from elsewhere too where the node is full, interleave from each in turn.";
            };
          }; });
          default = null;
          description = "What of the host the memory is; the kernel's own choice when absent.";
        };
        numa = mkOption {
          type = named "[0-7]" 8 (types.submodule { options = {
            cpus = mkOption {
              type = types.nullOr (types.strMatching "[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*");
              default = null;
              description = "Its vCPUs, such as 0-3; an equal part when no node has any.";
            };
            memory = mkOption {
              type = types.nullOr (size);
              default = null;
              description = "Its memory; an equal part when no node has any.";
            };
            hostNodes = mkOption {
              type = types.nullOr (types.strMatching "[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*");
              default = null;
              description = "The host's nodes that its memory comes from; those of memoryBacking when absent.";
            };
          }; });
          default = { };
          description = "The NUMA nodes that the guest sees, by number from 0; one when absent.";
        };
        pinning = mkOption {
          type = types.nullOr (types.submodule { options = {
            cpus = mkOption {
              type = types.nullOr (types.strMatching "[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*");
              default = null;
              description = "All threads that no other key names.";
            };
            vcpus = mkOption {
              type = named "[0-9]{1,4}" 1024 (types.strMatching "[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*");
              default = { };
              description = "vCPUs, by number from 0.";
            };
            emulator = mkOption {
              type = types.nullOr (types.strMatching "[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*");
              default = null;
              description = "QEMU's own threads beside vCPUs and iothreads.";
            };
            iothreads = mkOption {
              type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 16 (types.strMatching "[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*");
              default = { };
              description = "Iothreads, by the names that disks have for them.";
            };
            exclusive = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "No other VM that says where it runs is to run on these CPUs; where one is, that is told.";
            };
          }; });
          default = null;
          description = "On which of the host's CPUs the VM's threads run, as lists such as 0-3,8; any when absent. A VM that runs takes it at once.";
        };
        arch = mkOption {
          type = types.nullOr (types.enum [ "x86_64" "aarch64" ]);
          default = null;
          description = "The guest's architecture; the host's when absent.";
        };
        machine = mkOption {
          type = types.nullOr (types.enum [ "q35" "pc" "virt" ]);
          default = null;
          description = "The machine's family; q35 on x86_64 and virt on aarch64 when absent. Its version is pinned at first start.";
        };
        accelerator = mkOption {
          type = types.nullOr (types.enum [ "auto" "kvm" "tcg" ]);
          default = null;
          description = "What executes the guest's instructions. auto (when absent) takes KVM where it was proven and TCG else, and says which.";
        };
        firmware = mkOption {
          type = types.nullOr (types.enum [ "bios" "uefi" "kernel" ]);
          default = null;
          description = "What runs first in the guest: bios boots from disks, uefi does too, and keeps its variables over restarts, kernel loads boot.kernel. kernel when boot is there, bios else.";
        };
        secureBoot = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "UEFI Secure Boot: the firmware starts only what its vendors' keys have signed. For x86_64 with machine q35; firmware is uefi then. A kernel of boot.kernel is its owner's and is not checked.";
        };
        boot = mkOption {
          type = types.nullOr (types.submodule { options = {
            kernel = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = null;
              description = "The boot file with the kernel.";
            };
            initrd = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = null;
              description = "The boot file with the initial RAM disk.";
            };
            cmdline = mkOption {
              type = types.nullOr (types.str);
              default = null;
              description = "The kernel's command line, up to 2047 bytes.";
            };
            order = mkOption {
              type = upTo 128 (types.str);
              default = [ ];
              description = "The devices that the firmware tries, the first one first, by their names: root, or disks.root where another device has that name too. It stands for their bootIndex.";
            };
            menu = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "The firmware waits at the start, and offers its menu to whoever presses Escape.";
            };
            menuTimeout = mkOption {
              type = types.nullOr (types.ints.between 1 60);
              default = null;
              description = "Seconds that it waits; 5 when absent.";
            };
          }; });
          default = null;
          description = "A Linux kernel to boot directly, by the names of boot files (hv boot-file list); or in which order the firmware tries devices.";
        };
        disks = mkOption {
          type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 112 (types.submodule { options = {
            volume = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = null;
              description = "The volume on the disk, by its name (hv volume list), never a path. Where image or size is said it is made with the disk, and called as the VM and the disk when absent.";
            };
            readOnly = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "The guest cannot write to it.";
            };
            bootIndex = mkOption {
              type = types.nullOr (types.ints.between 1 128);
              default = null;
              description = "Its turn in the order of booting, in one with drives and network cards: 1 first. What has none is not booted from. boot.order says it in one line.";
            };
            serial = mkOption {
              type = types.nullOr (types.strMatching "[A-Za-z0-9_.-]{0,20}");
              default = null;
              description = "The serial number the guest sees: up to 20 of A-Z a-z 0-9 _ . -";
            };
            iothread = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?");
              default = null;
              description = "The thread that serves it, by a name of your choice; disks that name one share it. QEMU's main thread when absent.";
            };
            bus = mkOption {
              type = types.nullOr (types.enum [ "virtio" "scsi" "sata" "nvme" "usb" ]);
              default = null;
              description = "What the disk is on: virtio (when absent); scsi (virtio-scsi), for many; sata on machine q35; nvme; or usb, as a stick.";
            };
            limits = mkOption {
              type = types.submodule { options = {
                iops = mkOption {
                  type = types.nullOr (types.ints.between 1 1000000000);
                  default = null;
                  description = "Requests, read and written.";
                };
                readIops = mkOption {
                  type = types.nullOr (types.ints.between 1 1000000000);
                  default = null;
                  description = "Requests that read.";
                };
                writeIops = mkOption {
                  type = types.nullOr (types.ints.between 1 1000000000);
                  default = null;
                  description = "Requests that write.";
                };
                bandwidth = mkOption {
                  type = types.nullOr (size);
                  default = null;
                  description = "Bytes, read and written.";
                };
                readBandwidth = mkOption {
                  type = types.nullOr (size);
                  default = null;
                  description = "Bytes that are read.";
                };
                writeBandwidth = mkOption {
                  type = types.nullOr (size);
                  default = null;
                  description = "Bytes that are written.";
                };
                burst = mkOption {
                  type = types.submodule { options = {
                    iops = mkOption {
                      type = types.nullOr (types.ints.between 1 1000000000);
                      default = null;
                      description = "Requests, read and written.";
                    };
                    readIops = mkOption {
                      type = types.nullOr (types.ints.between 1 1000000000);
                      default = null;
                      description = "Requests that read.";
                    };
                    writeIops = mkOption {
                      type = types.nullOr (types.ints.between 1 1000000000);
                      default = null;
                      description = "Requests that write.";
                    };
                    bandwidth = mkOption {
                      type = types.nullOr (size);
                      default = null;
                      description = "Bytes, read and written.";
                    };
                    readBandwidth = mkOption {
                      type = types.nullOr (size);
                      default = null;
                      description = "Bytes that are read.";
                    };
                    writeBandwidth = mkOption {
                      type = types.nullOr (size);
                      default = null;
                      description = "Bytes that are written.";
                    };
                  }; };
                  default = { };
                  description = "What it may do for burstSeconds, after it has done less for as long.";
                };
                burstSeconds = mkOption {
                  type = types.nullOr (types.ints.between 1 3600);
                  default = null;
                  description = "How long a burst may last; 1 when absent.";
                };
              }; };
              default = { };
              description = "What it may do in a second; what it can when absent. A VM that runs takes them at once.";
            };
            image = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = null;
              description = "The image of the library (hv image list) that its volume is made of when the disk is new. The volume is kept from then on.";
            };
            size = mkOption {
              type = types.nullOr (size);
              default = null;
              description = "How large its volume is made, such as 20GiB: of an image, or empty; as the image when absent. A larger one makes it grow, a smaller one changes nothing.";
            };
            pool = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = null;
              description = "The pool in which its volume is made; default when absent.";
            };
            encryption = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = null;
              description = "The key (hv key list) that its volume is encrypted with when it is made, or none; key default where there is one when absent.";
            };
            cache = mkOption {
              type = types.nullOr (types.enum [ "none" "writeback" "writethrough" "directsync" "unsafe" ]);
              default = null;
              description = "How the host caches it: writeback (when absent), none: past the page cache (when absent on a block device), writethrough and directsync: each write is on the disk before the guest hears of it, unsafe: the guest's flushes do nothing, and a crash of the host loses what it wrote.";
            };
            aio = mkOption {
              type = types.nullOr (types.enum [ "threads" "native" ]);
              default = null;
              description = "How QEMU hands requests to the kernel: threads (when absent), or native, which needs cache none or directsync.";
            };
            discard = mkOption {
              type = types.nullOr (types.enum [ "unmap" "ignore" ]);
              default = null;
              description = "What the guest discards is given back to the pool: unmap (when absent), or ignore.";
            };
            detectZeroes = mkOption {
              type = types.nullOr (types.enum [ "off" "on" "unmap" ]);
              default = null;
              description = "Zeros that the guest writes: off (when absent) writes them, on notes them without writing, unmap gives their room back.";
            };
          }; });
          default = { };
          description = "The VM's disks, by a device name of your choice, such as root.";
        };
        nics = mkOption {
          type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 8 (types.submodule { options = {
            network = mkOption {
              type = types.nullOr (types.enum [ "user" ]);
              default = null;
              description = "The network it is on. user (when absent) reaches out by NAT and needs nothing set up.";
            };
            mac = mkOption {
              type = types.nullOr (types.strMatching "[0-9a-f]{2}(:[0-9a-f]{2}){5}");
              default = null;
              description = "Its address, in lower case with colons. Made from the VM's UUID and the card's name when absent.";
            };
            model = mkOption {
              type = types.nullOr (types.enum [ "virtio" "e1000e" "rtl8139" "vmxnet3" ]);
              default = null;
              description = "The network card: virtio (when absent), or for a system without a driver of it e1000e, rtl8139 (old ones) or vmxnet3 (of VMware; x86_64 alone).";
            };
            link = mkOption {
              type = types.nullOr (types.enum [ "up" "down" ]);
              default = null;
              description = "down pulls its cable; a VM that runs takes it at once. up when absent.";
            };
            bootIndex = mkOption {
              type = types.nullOr (types.ints.between 1 128);
              default = null;
              description = "Its turn in the order of booting, in one with disks and drives: by PXE. What has none is not booted from.";
            };
          }; });
          default = { };
          description = "The VM's network cards, by a device name of your choice, such as lan.";
        };
        cdroms = mkOption {
          type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 8 (types.submodule { options = {
            volume = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = null;
              description = "The medium: a volume with an ISO image, by its name (hv volume list). Several VMs may read it. The drive is empty when absent.";
            };
            bus = mkOption {
              type = types.nullOr (types.enum [ "scsi" "sata" "usb" ]);
              default = null;
              description = "What the drive is on: scsi (virtio-scsi, when absent), sata on machine q35, or usb.";
            };
            bootIndex = mkOption {
              type = types.nullOr (types.ints.between 1 128);
              default = null;
              description = "Its turn in the order of booting, in one with the disks; after them when none has one.";
            };
            image = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = null;
              description = "An ISO of the library, as the medium. Its volume is made where there is none, and called as the image unless volume says otherwise.";
            };
          }; });
          default = { };
          description = "The VM's CD-ROM drives, by a device name of your choice, such as install.";
        };
        scsi = mkOption {
          type = types.nullOr (types.submodule { options = {
            iothread = mkOption {
              type = types.nullOr (types.strMatching "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?");
              default = null;
              description = "The thread that serves it with all its disks; QEMU's main thread when absent.";
            };
          }; });
          default = null;
          description = "The controller of bus scsi. It is there anyhow when something is on that bus; with it disks can be attached to it while the VM runs.";
        };
        usbController = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "A USB controller for what is plugged in while the VM runs; there when something is on bus usb, when absent.";
        };
        sound = mkOption {
          type = types.nullOr (types.enum [ "ich9" "ac97" "none" ]);
          default = null;
          description = "A sound card: ich9 (Intel HD Audio), ac97 for older systems, or none (when absent). Viewers by VNC that can hear it.";
        };
        graphics = mkOption {
          type = types.nullOr (types.submodule { options = {
            device = mkOption {
              type = types.nullOr (types.enum [ "vga" "virtio" "qxl" "cirrus" "none" ]);
              default = null;
              description = "The graphics card: vga (when absent on x86_64) for every guest, virtio (on aarch64) or qxl for those with a driver of it, cirrus for old ones; none: no screen.";
            };
            memory = mkOption {
              type = types.nullOr (size);
              default = null;
              description = "What the graphics card has to show a picture of; a power of two, 16MiB when absent. For vga, qxl and cirrus.";
            };
          }; });
          default = null;
          description = "A screen with keyboard and tablet, for hv vm vnc; none when absent.";
        };
        watchdog = mkOption {
          type = types.nullOr (types.submodule { options = {
            onExpiry = mkOption {
              type = types.nullOr (types.enum [ "reset" "poweroff" "pause" "none" ]);
              default = null;
              description = "What happens to a guest that does not: reset (when absent), poweroff, pause, or none: an event is all.";
            };
          }; });
          default = null;
          description = "A timer (i6300esb) that the guest pets once it has armed it; none when absent.";
        };
        tpm = mkOption {
          type = types.nullOr (types.submodule { options = {
            interface = mkOption {
              type = types.nullOr (types.enum [ "crb" "tis" ]);
              default = null;
              description = "How the guest speaks to it: crb (when absent on x86_64), or tis (on aarch64).";
            };
          }; });
          default = null;
          description = "A TPM 2.0 of the VM's own, which keeps what the guest seals over restarts; none when absent.";
        };
        clock = mkOption {
          type = types.nullOr (types.enum [ "utc" "localtime" ]);
          default = null;
          description = "What the machine's clock shows at the start: utc (when absent), or localtime, as Windows reads it.";
        };
        hyperv = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "Hyper-V's enlightenments for a Windows guest, with KVM on x86_64; off when absent.";
        };
        shares = mkOption {
          type = named "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" 8 (types.submodule { options = {
            share = mkOption {
              type = types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
              description = "The share, as hypervisor.storage.shares names it.";
            };
            readOnly = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "Whether this guest only reads it; as the share is when absent.";
            };
          }; });
          default = { };
          description = "Folders of the host's that the guest mounts by virtiofs, by mount tag. Such a VM is neither suspended nor saved with its memory.";
        };
        vsock = mkOption {
          type = types.nullOr (types.submodule { options = {
            cid = mkOption {
              type = types.nullOr (types.ints.between 3 4294967294);
              default = null;
              description = "What the guest is called on the host; made from the VM's UUID when absent.";
            };
          }; });
          default = null;
          description = "A way from guest to host without a network (AF_VSOCK); none when absent.";
        };
        generationID = mkOption {
          type = types.nullOr (types.str);
          default = null;
          description = "A UUID that tells a guest (x86) which copy of itself it is; made from the uuid when absent.";
        };
        cloudInit = mkOption {
          type = types.nullOr (types.submodule { options = {
            hostname = mkOption {
              type = types.nullOr (types.str);
              default = null;
              description = "The guest's name; the VM's when absent.";
            };
            user = mkOption {
              type = types.nullOr (types.str);
              default = null;
              description = "An account that may become root; the image's own when absent.";
            };
            sshKeys = mkOption {
              type = upTo 1024 (types.str);
              default = [ ];
              description = "Public keys of that account, as in authorized_keys.";
            };
            passwordHash = mkOption {
              type = types.nullOr (types.str);
              default = null;
              description = "That account's password, as mkpasswd prints it. It stands in the declaration: a key is better.";
            };
            packages = mkOption {
              type = upTo 1024 (types.str);
              default = [ ];
              description = "Packages to be installed.";
            };
            runcmd = mkOption {
              type = upTo 1024 (types.str);
              default = [ ];
              description = "Lines for sh, at the end of the first boot.";
            };
            userData = mkOption {
              type = types.nullOr (types.str);
              default = null;
              description = "All of it by hand, instead: #cloud-config, a script, or MIME.";
            };
            vendorData = mkOption {
              type = types.nullOr (types.str);
              default = null;
              description = "The same, which user data overrides.";
            };
            networkConfig = mkOption {
              type = types.nullOr (types.str);
              default = null;
              description = "The network, version 2, as YAML; DHCP on all cards when absent.";
            };
            instance = mkOption {
              type = types.nullOr (types.ints.unsigned);
              default = null;
              description = "Counted up, the guest configures itself anew at its next boot.";
            };
            unchecked = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "Let through what cloud-init's schema refuses: the image may have a newer one.";
            };
          }; });
          default = null;
          description = "What a guest with cloud-init makes of itself at its first boot; nothing when absent.";
        };
        nestedVirtualization = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "The guest may run VMs itself. Only where the host's feature nestedVirtualization is on.";
        };
        serial = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "A serial console, for hv vm console; there when absent.";
        };
        agent = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "A port for qemu-guest-agent, for hv vm exec and what the guest says of itself; there when absent.";
        };
        rng = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "A random number generator; there when absent.";
        };
        autostart = mkOption {
          type = types.nullOr (types.bool);
          default = null;
          description = "Start the VM again after a reboot of the host, if it was on.";
        };
        startup = mkOption {
          type = types.nullOr (types.submodule { options = {
            order = mkOption {
              type = types.nullOr (types.ints.between 1 9999);
              default = null;
              description = "Lower ones start first; those without one come last.";
            };
            delay = mkOption {
              type = types.nullOr (types.ints.between 1 3600);
              default = null;
              description = "Seconds that those after it wait once it runs.";
            };
            after = mkOption {
              type = upTo 32 (types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
              default = [ ];
              description = "VMs that run before it starts. What others start after starts early itself; one that does not come up is told, and waited for no longer.";
            };
            onHostStop = mkOption {
              type = types.nullOr (types.enum [ "stop" "suspend" ]);
              default = null;
              description = "When the host goes down (hv host stop-vms): its guest is asked to power off (stop, when absent), or it is suspended to disk (suspend), and with autostart goes on with the next boot. One that cannot be suspended is stopped.";
            };
          }; });
          default = null;
          description = "The VM's place among those that start again with the host, and in reverse among those that stop with it.";
        };
        snapshots = mkOption {
          type = types.nullOr (types.submodule { options = {
            every = mkOption {
              type = types.enum [ "hourly" "daily" "weekly" "monthly" "yearly" ];
              description = "How often.";
            };
            at = mkOption {
              type = types.nullOr (types.str);
              default = null;
              description = "When, by the host's clock: HH:MM, or HH:MM:SS; with hourly :MM, or :MM:SS. Midnight, or the full hour, when absent.";
            };
            weekday = mkOption {
              type = types.nullOr (types.enum [ "sunday" "monday" "tuesday" "wednesday" "thursday" "friday" "saturday" ]);
              default = null;
              description = "With weekly, the day; sunday when absent.";
            };
            whileOff = mkOption {
              type = types.nullOr (types.bool);
              default = null;
              description = "Also while the VM does not run.";
            };
            quiesce = mkOption {
              type = types.nullOr (types.enum [ "auto" "yes" "no" ]);
              default = null;
              description = "Whether the guest writes out first what it holds back: auto (when absent), yes or no.";
            };
            keep = mkOption {
              type = types.nullOr (types.submodule { options = {
                last = mkOption {
                  type = types.nullOr (types.ints.between 1 28);
                  default = null;
                  description = "The last ones.";
                };
                hourly = mkOption {
                  type = types.nullOr (types.ints.between 1 28);
                  default = null;
                  description = "The last of each of so many hours that have one.";
                };
                daily = mkOption {
                  type = types.nullOr (types.ints.between 1 28);
                  default = null;
                  description = "The last of each of so many days that have one.";
                };
                weekly = mkOption {
                  type = types.nullOr (types.ints.between 1 28);
                  default = null;
                  description = "The last of each of so many weeks that have one.";
                };
                monthly = mkOption {
                  type = types.nullOr (types.ints.between 1 28);
                  default = null;
                  description = "The last of each of so many months that have one.";
                };
                yearly = mkOption {
                  type = types.nullOr (types.ints.between 1 28);
                  default = null;
                  description = "The last of each of so many years that have one.";
                };
              }; });
              default = null;
              description = "Which of them stay; the last seven when absent. What any of these keeps stays, and no more than 28 in all.";
            };
          }; });
          default = null;
          description = "Snapshots of the VM that are taken by themselves; none when absent. Only where the host's feature snapshots is on.";
        };
        stopTimeout = mkOption {
          type = types.nullOr (types.ints.between 1 86400);
          default = null;
          description = "Seconds that the guest gets to power itself off; 60 when absent.";
        };
        onPowerOff = mkOption {
          type = types.nullOr (types.enum [ "stop" "restart" ]);
          default = null;
          description = "What follows when the guest powers itself off: stop (when absent), or restart, later each time.";
        };
        onReboot = mkOption {
          type = types.nullOr (types.enum [ "restart" "stop" ]);
          default = null;
          description = "What follows when the guest resets itself, a triple fault included: restart (when absent) lets it, stop ends it.";
        };
        onCrash = mkOption {
          type = types.nullOr (types.enum [ "stop" "restart" "preserve" ]);
          default = null;
          description = "What follows when the guest panics, or its QEMU dies: stop (when absent), restart, later each time, or preserve what is left of it.";
        };
      }; });
      default = { };
      description = "The VMs of this host, by name. What is declared here is edited here only.";
    };
  };
}
