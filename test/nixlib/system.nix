# The options of NixOS that our module sets, as loosely as they need to be to look at what comes out.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  free = mkOption { type = types.attrsOf types.anything; default = { }; };
in
{
  options = {
    assertions = mkOption { type = types.listOf types.anything; default = [ ]; };
    warnings = mkOption { type = types.listOf types.str; default = [ ]; };
    environment.etc = free;
    environment.systemPackages = mkOption { type = types.listOf types.package; default = [ ]; };
    networking.firewall.allowedTCPPorts = mkOption { type = types.listOf types.port; default = [ ]; };
    services.nginx = {
      enable = mkOption { type = types.bool; default = false; };
      virtualHosts = free;
    };
    systemd.services = free;
    systemd.slices = free;
    systemd.sockets = free;
    systemd.tmpfiles.rules = mkOption { type = types.listOf types.str; default = [ ]; };
    users.users = free;
    users.groups = free;
  };
}
