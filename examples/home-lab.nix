{
  hypervisor.featureManager = {
    profile = "balanced";
    riskTolerance = "balanced";
    enabledFeatures = [
      "monitoring"
      "localBackup"
      "webDashboard"
      "cliEnhancements"
    ];
  };
}
