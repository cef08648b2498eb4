# Hyper-NixOS on NixOS: services.hyper-nixos installs it, hypervisor.* declares what the host offers and
# which VMs there are. A declaration that `hv config check` would refuse fails the build of the system,
# with the same words.
#
#   imports = [ hyper-nixos.nixosModules.default ];
#   services.hyper-nixos.enable = true;
#   hypervisor.featureManager.profile = "minimal";
{ config, lib, pkgs, ... }:
let
  inherit (lib) mkIf mkOption types;
  cfg = config.services.hyper-nixos;

  platforms = { x86_64-linux = "Linux x86_64"; aarch64-linux = "Linux ARM64"; };
  resolution = import ./resolve.nix { inherit lib; inherit (cfg) catalogue; } {
    platform = platforms.${pkgs.stdenv.hostPlatform.system} or "other";
    declaration = config.hypervisor.featureManager;
  };
  on = id: lib.elem id resolution.effective && !(lib.elem id cfg.catalogue.notInBuild);

  # What nobody sets is left out: the daemon knows what absence means.
  given = v:
    if builtins.isAttrs v then builtins.mapAttrs (_: given) (lib.filterAttrs (_: x: x != null) v)
    else if builtins.isList v then map given v
    else v;
  declaration = builtins.toJSON { hypervisor = given config.hypervisor; };

  declares = let d = config.hypervisor; in
    d.vms != { } || d.featureManager.profile != null || d.featureManager.enabledFeatures != null;

  # The units are those of the package for other systems; only where programs lie differs.
  units = import ./units.nix;
  here = builtins.replaceStrings [ "/usr/libexec/hyper-nixos" "/usr/bin/hv" ]
    [ "${cfg.package}/libexec/hyper-nixos" "${cfg.package}/bin/hv" ];
  command = v: if builtins.isList v then map here v else here v;
  # Firmware stands in the store, where no other distribution has it: hvd is told.
  firmware = lib.concatMapStrings (dir: " --firmware ${dir}") cfg.firmware;
  manuals = lib.filter (lib.hasPrefix "man:");
  unit = name: {
    unitConfig = units.${name}.Unit // {
      Documentation = lib.concatStringsSep " " (manuals (lib.splitString " " units.${name}.Unit.Documentation));
    };
  };
  service = name:
    let u = units."${name}.service"; in
    unit "${name}.service" // {
      serviceConfig = builtins.mapAttrs (key: v: if lib.hasPrefix "Exec" key then command v else v) u.Service;
      wantedBy = lib.optional (u ? Install) u.Install.WantedBy;
    };

  # Both daemons look for QEMU, its firmware and passt below /usr, which NixOS hardly has: they get one
  # that holds these and nothing else.
  programs = pkgs.buildEnv {
    name = "hyper-nixos-programs";
    paths = [ cfg.qemuPackage cfg.passtPackage ];
    pathsToLink = [ "/bin" "/share" ];
  };
  withPrograms = s: s // {
    serviceConfig = s.serviceConfig // { BindReadOnlyPaths = [ "${programs}:/usr" ]; };
  };
  withFirmware = s: s // {
    serviceConfig = s.serviceConfig // { ExecStart = s.serviceConfig.ExecStart + firmware; };
  };

  dashboard = on "webDashboard" && cfg.dashboard.frontend == "nginx";
in
{
  imports = [ ./options.nix ];

  options.services.hyper-nixos = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to run Hyper-NixOS. Its declaration is hypervisor.*, applied at every start of hvd.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ./package.nix { };
      description = "The package with hv, hvd and hv-helper.";
    };
    qemuPackage = mkOption {
      type = types.package;
      default = pkgs.qemu;
      description = "The package with QEMU.";
    };
    passtPackage = mkOption {
      type = types.package;
      default = pkgs.passt;
      description = "The package with passt, which connects VMs on the network `user`.";
    };
    firmware = mkOption {
      type = types.listOf types.str;
      default = [ "${cfg.qemuPackage}/share" "${pkgs.OVMF.fd}/FV" ];
      example = [ "/run/libvirt/nix-ovmf" ];
      description = "Folders with UEFI firmware: with descriptors in qemu/firmware, or with OVMF_CODE.fd and OVMF_VARS.fd (AAVMF_… for ARM64). The first that has one for a VM's architecture counts.";
    };
    users = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Who may run VMs: members of the group hypervisor.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the firewall lets TCP port 443 through while the web dashboard is on.";
    };
    dashboard = {
      frontend = mkOption {
        type = types.enum [ "nginx" "builtin" ];
        default = "nginx";
        description = "Who serves the web dashboard to browsers. The specification requires nginx.";
      };
      serverName = mkOption {
        type = types.str;
        default = "_";
        description = "The name under which browsers reach the dashboard; any when `_`.";
      };
      certificate = mkOption {
        type = types.nullOr types.path;
        default = null;
        description = "The file with its TLS certificate.";
      };
      certificateKey = mkOption {
        type = types.nullOr types.path;
        default = null;
        description = "The file with that certificate's key, readable by nginx alone.";
      };
    };
    catalogue = mkOption {
      type = types.raw;
      default = import ./catalogue.nix;
      internal = true;
      description = "What is known of features.";
    };
  };

  config = lib.mkMerge [ (mkIf (!cfg.enable && declares) {
    warnings = [ "hypervisor.* declares a host, and nothing reads it: set services.hyper-nixos.enable = true" ];
  }) (mkIf cfg.enable {
    assertions = map (f: { assertion = false; message = resolution.text f; }) resolution.refused
      ++ [{
        assertion = !dashboard || cfg.dashboard.certificate != null && cfg.dashboard.certificateKey != null;
        message = "the web dashboard needs a TLS certificate\n  try: set services.hyper-nixos.dashboard.certificate and certificateKey";
      }];
    warnings = map resolution.text resolution.added;

    environment.etc."hyper-nixos/declaration.json".text = declaration;
    environment.systemPackages = [ cfg.package ];

    systemd.services = {
      hvd = withFirmware (withPrograms (service "hvd")) // { restartTriggers = [ declaration ]; };
      hv-helper = withPrograms (service "hv-helper");
      # To stop it stops every VM: a new configuration must not.
      hv-guests = service "hv-guests" // { restartIfChanged = false; stopIfChanged = false; };
      # One for each download; it starts none of the programs.
      "hv-fetch@" = service "hv-fetch@";
    };
    systemd.sockets.hv-fetch = unit "hv-fetch.socket" // {
      socketConfig = units."hv-fetch.socket".Socket;
      wantedBy = [ units."hv-fetch.socket".Install.WantedBy ];
    };
    systemd.slices.hyper-nixos = unit "hyper-nixos.slice";
    systemd.tmpfiles.rules = units."tmpfiles.conf";

    users.users.hvd = {
      isSystemUser = true;
      group = "hvd";
      description = "Hyper-NixOS daemon";
    };
    users.groups = {
      hvd = { };
      hypervisor.members = cfg.users;
    };

    services.nginx = mkIf dashboard {
      enable = true;
      virtualHosts.hyper-nixos = {
        inherit (cfg.dashboard) serverName;
        onlySSL = true;
        http2 = true;
        sslCertificate = cfg.dashboard.certificate;
        sslCertificateKey = cfg.dashboard.certificateKey;
        extraConfig = "ssl_protocols TLSv1.3;";
        locations."/" = {
          proxyPass = "http://unix:/run/hv/dashboard.sock";
          proxyWebsockets = true;
        };
      };
    };
    networking.firewall.allowedTCPPorts = lib.optional (dashboard && cfg.openFirewall) 443;
  }) ];
}
