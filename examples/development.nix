{
  hypervisor.featureManager = {
    profile = "full";
    riskTolerance = "accepting";
    enabledFeatures = [
      "monitoring"
      "api"
      "devEnvironments"
      "snapshots"
      "webDashboard"
    ];
  };
}
