{
  hypervisor.featureManager = {
    profile = "minimal";
    riskTolerance = "paranoid";
    enabledFeatures = [
      "auditLogging"
      "threatDetection"
      "behavioralAnalysis"
      "forensics"
    ];
  };
}
