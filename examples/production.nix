{
  hypervisor.featureManager = {
    profile = "custom";
    riskTolerance = "cautious";
    enabledFeatures = [
      "monitoring"
      "threatDetection"
      "remoteBackup"
      "microSegmentation"
      "encryption"
      "auditLogging"
    ];
  };
}
