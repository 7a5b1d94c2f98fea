/**
 * Fields of the built-in kinds: `name:type` words, `!` after a required name. Types: `string`, `bytes` (base64), `boolean`, `int32`,
 * `int64`, `number`, `time` (RFC 3339), `IntOrString`, `any`, `[]T`, `{}T`, or another row.
 *
 * Generated from the models of `@kubernetes/client-node`: `UPDATE_FIELD_TABLE=1 node --test test/unit/local/apiserver/field-table.test.ts`.
 */
export const FIELD_TABLE: Readonly<Record<string, string>> = {
  AdmissionregistrationV1ServiceReference: "name!:string namespace!:string path:string port:int32",
  AdmissionregistrationV1WebhookClientConfig:
    "caBundle:bytes service:AdmissionregistrationV1ServiceReference url:string",
  ApiextensionsV1ServiceReference: "name!:string namespace!:string path:string port:int32",
  ApiextensionsV1WebhookClientConfig: "caBundle:bytes service:ApiextensionsV1ServiceReference url:string",
  AuthenticationV1TokenRequest:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1TokenRequestSpec status:V1TokenRequestStatus",
  CoreV1EndpointPort: "appProtocol:string name:string port!:int32 protocol:string",
  CoreV1Event:
    "action:string apiVersion:string count:int32 eventTime:time firstTimestamp:time involvedObject!:V1ObjectReference kind:string lastTimestamp:time message:string metadata!:V1ObjectMeta reason:string related:V1ObjectReference reportingComponent:string reportingInstance:string series:CoreV1EventSeries source:V1EventSource type:string",
  CoreV1EventSeries: "count:int32 lastObservedTime:time",
  CoreV1ResourceClaim: "name!:string request:string",
  DiscoveryV1EndpointPort: "appProtocol:string name:string port:int32 protocol:string",
  EventsV1Event:
    "action:string apiVersion:string deprecatedCount:int32 deprecatedFirstTimestamp:time deprecatedLastTimestamp:time deprecatedSource:V1EventSource eventTime!:time kind:string metadata:V1ObjectMeta note:string reason:string regarding:V1ObjectReference related:V1ObjectReference reportingController:string reportingInstance:string series:EventsV1EventSeries type:string",
  EventsV1EventSeries: "count!:int32 lastObservedTime!:time",
  RbacV1Subject: "apiGroup:string kind!:string name!:string namespace:string",
  V1AWSElasticBlockStoreVolumeSource: "fsType:string partition:int32 readOnly:boolean volumeID!:string",
  V1Affinity: "nodeAffinity:V1NodeAffinity podAffinity:V1PodAffinity podAntiAffinity:V1PodAntiAffinity",
  V1AggregationRule: "clusterRoleSelectors:[]V1LabelSelector",
  V1AppArmorProfile: "localhostProfile:string type!:string",
  V1AttachedVolume: "devicePath!:string name!:string",
  V1AzureDiskVolumeSource:
    "cachingMode:string diskName!:string diskURI!:string fsType:string kind:string readOnly:boolean",
  V1AzureFileVolumeSource: "readOnly:boolean secretName!:string shareName!:string",
  V1Binding: "apiVersion:string kind:string metadata:V1ObjectMeta target!:V1ObjectReference",
  V1BoundObjectReference: "apiVersion:string kind:string name:string uid:string",
  V1CSIVolumeSource:
    "driver!:string fsType:string nodePublishSecretRef:V1LocalObjectReference readOnly:boolean volumeAttributes:{}string",
  V1Capabilities: "add:[]string drop:[]string",
  V1CephFSVolumeSource:
    "monitors!:[]string path:string readOnly:boolean secretFile:string secretRef:V1LocalObjectReference user:string",
  V1CinderVolumeSource: "fsType:string readOnly:boolean secretRef:V1LocalObjectReference volumeID!:string",
  V1ClientIPConfig: "timeoutSeconds:int32",
  V1ClusterRole:
    "aggregationRule:V1AggregationRule apiVersion:string kind:string metadata:V1ObjectMeta rules:[]V1PolicyRule",
  V1ClusterRoleBinding:
    "apiVersion:string kind:string metadata:V1ObjectMeta roleRef!:V1RoleRef subjects:[]RbacV1Subject",
  V1ClusterTrustBundleProjection:
    "labelSelector:V1LabelSelector name:string optional:boolean path!:string signerName:string",
  V1Condition:
    "lastTransitionTime!:time message!:string observedGeneration:int64 reason!:string status!:string type!:string",
  V1ConfigMap:
    "apiVersion:string binaryData:{}bytes data:{}string immutable:boolean kind:string metadata:V1ObjectMeta",
  V1ConfigMapEnvSource: "name:string optional:boolean",
  V1ConfigMapKeySelector: "key!:string name:string optional:boolean",
  V1ConfigMapNodeConfigSource:
    "kubeletConfigKey!:string name!:string namespace!:string resourceVersion:string uid:string",
  V1ConfigMapProjection: "items:[]V1KeyToPath name:string optional:boolean",
  V1ConfigMapVolumeSource: "defaultMode:int32 items:[]V1KeyToPath name:string optional:boolean",
  V1Container:
    "args:[]string command:[]string env:[]V1EnvVar envFrom:[]V1EnvFromSource image:string imagePullPolicy:string lifecycle:V1Lifecycle livenessProbe:V1Probe name!:string ports:[]V1ContainerPort readinessProbe:V1Probe resizePolicy:[]V1ContainerResizePolicy resources:V1ResourceRequirements restartPolicy:string restartPolicyRules:[]V1ContainerRestartRule securityContext:V1SecurityContext startupProbe:V1Probe stdin:boolean stdinOnce:boolean terminationMessagePath:string terminationMessagePolicy:string tty:boolean volumeDevices:[]V1VolumeDevice volumeMounts:[]V1VolumeMount workingDir:string",
  V1ContainerExtendedResourceRequest: "containerName!:string requestName!:string resourceName!:string",
  V1ContainerImage: "names:[]string sizeBytes:int64",
  V1ContainerPort: "containerPort!:int32 hostIP:string hostPort:int32 name:string protocol:string",
  V1ContainerResizePolicy: "resourceName!:string restartPolicy!:string",
  V1ContainerRestartRule: "action!:string exitCodes:V1ContainerRestartRuleOnExitCodes",
  V1ContainerRestartRuleOnExitCodes: "operator!:string values:[]int32",
  V1ContainerState:
    "running:V1ContainerStateRunning terminated:V1ContainerStateTerminated waiting:V1ContainerStateWaiting",
  V1ContainerStateRunning: "startedAt:time",
  V1ContainerStateTerminated:
    "containerID:string exitCode!:int32 finishedAt:time message:string reason:string signal:int32 startedAt:time",
  V1ContainerStateWaiting: "message:string reason:string",
  V1ContainerStatus:
    "allocatedResources:{}string allocatedResourcesStatus:[]V1ResourceStatus containerID:string image!:string imageID!:string lastState:V1ContainerState name!:string ready!:boolean resources:V1ResourceRequirements restartCount!:int32 started:boolean state:V1ContainerState stopSignal:string user:V1ContainerUser volumeMounts:[]V1VolumeMountStatus",
  V1ContainerUser: "linux:V1LinuxContainerUser",
  V1ControllerRevision: "apiVersion:string data:any kind:string metadata:V1ObjectMeta revision!:int64",
  V1CronJob: "apiVersion:string kind:string metadata:V1ObjectMeta spec!:V1CronJobSpec status:V1CronJobStatus",
  V1CronJobSpec:
    "concurrencyPolicy:string failedJobsHistoryLimit:int32 jobTemplate!:V1JobTemplateSpec schedule!:string startingDeadlineSeconds:int64 successfulJobsHistoryLimit:int32 suspend:boolean timeZone:string",
  V1CronJobStatus: "active:[]V1ObjectReference lastScheduleTime:time lastSuccessfulTime:time",
  V1CustomResourceColumnDefinition:
    "description:string format:string jsonPath!:string name!:string priority:int32 type!:string",
  V1CustomResourceConversion: "strategy!:string webhook:V1WebhookConversion",
  V1CustomResourceDefinition:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec!:V1CustomResourceDefinitionSpec status:V1CustomResourceDefinitionStatus",
  V1CustomResourceDefinitionCondition:
    "lastTransitionTime:time message:string observedGeneration:int64 reason:string status!:string type!:string",
  V1CustomResourceDefinitionNames:
    "categories:[]string kind!:string listKind:string plural!:string shortNames:[]string singular:string",
  V1CustomResourceDefinitionSpec:
    "conversion:V1CustomResourceConversion group!:string names!:V1CustomResourceDefinitionNames preserveUnknownFields:boolean scope!:string versions!:[]V1CustomResourceDefinitionVersion",
  V1CustomResourceDefinitionStatus:
    "acceptedNames:V1CustomResourceDefinitionNames conditions:[]V1CustomResourceDefinitionCondition observedGeneration:int64 storedVersions:[]string",
  V1CustomResourceDefinitionVersion:
    "additionalPrinterColumns:[]V1CustomResourceColumnDefinition deprecated:boolean deprecationWarning:string name!:string schema:V1CustomResourceValidation selectableFields:[]V1SelectableField served!:boolean storage!:boolean subresources:V1CustomResourceSubresources",
  V1CustomResourceSubresourceScale:
    "labelSelectorPath:string specReplicasPath!:string statusReplicasPath!:string",
  V1CustomResourceSubresources: "scale:V1CustomResourceSubresourceScale status:any",
  V1CustomResourceValidation: "openAPIV3Schema:V1JSONSchemaProps",
  V1DaemonEndpoint: "Port!:int32",
  V1DaemonSet:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1DaemonSetSpec status:V1DaemonSetStatus",
  V1DaemonSetCondition: "lastTransitionTime:time message:string reason:string status!:string type!:string",
  V1DaemonSetSpec:
    "minReadySeconds:int32 revisionHistoryLimit:int32 selector!:V1LabelSelector template!:V1PodTemplateSpec updateStrategy:V1DaemonSetUpdateStrategy",
  V1DaemonSetStatus:
    "collisionCount:int32 conditions:[]V1DaemonSetCondition currentNumberScheduled!:int32 desiredNumberScheduled!:int32 numberAvailable:int32 numberMisscheduled!:int32 numberReady!:int32 numberUnavailable:int32 observedGeneration:int64 updatedNumberScheduled:int32",
  V1DaemonSetUpdateStrategy: "rollingUpdate:V1RollingUpdateDaemonSet type:string",
  V1DeleteOptions:
    "apiVersion:string dryRun:[]string gracePeriodSeconds:int64 ignoreStoreReadErrorWithClusterBreakingPotential:boolean kind:string orphanDependents:boolean preconditions:V1Preconditions propagationPolicy:string",
  V1Deployment:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1DeploymentSpec status:V1DeploymentStatus",
  V1DeploymentCondition:
    "lastTransitionTime:time lastUpdateTime:time message:string reason:string status!:string type!:string",
  V1DeploymentSpec:
    "minReadySeconds:int32 paused:boolean progressDeadlineSeconds:int32 replicas:int32 revisionHistoryLimit:int32 selector!:V1LabelSelector strategy:V1DeploymentStrategy template!:V1PodTemplateSpec",
  V1DeploymentStatus:
    "availableReplicas:int32 collisionCount:int32 conditions:[]V1DeploymentCondition observedGeneration:int64 readyReplicas:int32 replicas:int32 terminatingReplicas:int32 unavailableReplicas:int32 updatedReplicas:int32",
  V1DeploymentStrategy: "rollingUpdate:V1RollingUpdateDeployment type:string",
  V1DownwardAPIProjection: "items:[]V1DownwardAPIVolumeFile",
  V1DownwardAPIVolumeFile:
    "fieldRef:V1ObjectFieldSelector mode:int32 path!:string resourceFieldRef:V1ResourceFieldSelector",
  V1DownwardAPIVolumeSource: "defaultMode:int32 items:[]V1DownwardAPIVolumeFile",
  V1EmptyDirVolumeSource: "medium:string sizeLimit:string",
  V1Endpoint:
    "addresses!:[]string conditions:V1EndpointConditions deprecatedTopology:{}string hints:V1EndpointHints hostname:string nodeName:string targetRef:V1ObjectReference zone:string",
  V1EndpointAddress: "hostname:string ip!:string nodeName:string targetRef:V1ObjectReference",
  V1EndpointConditions: "ready:boolean serving:boolean terminating:boolean",
  V1EndpointHints: "forNodes:[]V1ForNode forZones:[]V1ForZone",
  V1EndpointSlice:
    "addressType!:string apiVersion:string endpoints:[]V1Endpoint kind:string metadata:V1ObjectMeta ports:[]DiscoveryV1EndpointPort",
  V1EndpointSubset:
    "addresses:[]V1EndpointAddress notReadyAddresses:[]V1EndpointAddress ports:[]CoreV1EndpointPort",
  V1Endpoints: "apiVersion:string kind:string metadata:V1ObjectMeta subsets:[]V1EndpointSubset",
  V1EnvFromSource: "configMapRef:V1ConfigMapEnvSource prefix:string secretRef:V1SecretEnvSource",
  V1EnvVar: "name!:string value:string valueFrom:V1EnvVarSource",
  V1EnvVarSource:
    "configMapKeyRef:V1ConfigMapKeySelector fieldRef:V1ObjectFieldSelector fileKeyRef:V1FileKeySelector resourceFieldRef:V1ResourceFieldSelector secretKeyRef:V1SecretKeySelector",
  V1EphemeralContainer:
    "args:[]string command:[]string env:[]V1EnvVar envFrom:[]V1EnvFromSource image:string imagePullPolicy:string lifecycle:V1Lifecycle livenessProbe:V1Probe name!:string ports:[]V1ContainerPort readinessProbe:V1Probe resizePolicy:[]V1ContainerResizePolicy resources:V1ResourceRequirements restartPolicy:string restartPolicyRules:[]V1ContainerRestartRule securityContext:V1SecurityContext startupProbe:V1Probe stdin:boolean stdinOnce:boolean targetContainerName:string terminationMessagePath:string terminationMessagePolicy:string tty:boolean volumeDevices:[]V1VolumeDevice volumeMounts:[]V1VolumeMount workingDir:string",
  V1EphemeralVolumeSource: "volumeClaimTemplate:V1PersistentVolumeClaimTemplate",
  V1EventSource: "component:string host:string",
  V1Eviction: "apiVersion:string deleteOptions:V1DeleteOptions kind:string metadata:V1ObjectMeta",
  V1ExecAction: "command:[]string",
  V1ExternalDocumentation: "description:string url:string",
  V1FCVolumeSource: "fsType:string lun:int32 readOnly:boolean targetWWNs:[]string wwids:[]string",
  V1FieldSelectorAttributes: "rawSelector:string requirements:[]V1FieldSelectorRequirement",
  V1FieldSelectorRequirement: "key!:string operator!:string values:[]string",
  V1FileKeySelector: "key!:string optional:boolean path!:string volumeName!:string",
  V1FlexVolumeSource:
    "driver!:string fsType:string options:{}string readOnly:boolean secretRef:V1LocalObjectReference",
  V1FlockerVolumeSource: "datasetName:string datasetUUID:string",
  V1ForNode: "name!:string",
  V1ForZone: "name!:string",
  V1GCEPersistentDiskVolumeSource: "fsType:string partition:int32 pdName!:string readOnly:boolean",
  V1GRPCAction: "port!:int32 service:string",
  V1GitRepoVolumeSource: "directory:string repository!:string revision:string",
  V1GlusterfsVolumeSource: "endpoints!:string path!:string readOnly:boolean",
  V1HTTPGetAction: "host:string httpHeaders:[]V1HTTPHeader path:string port!:IntOrString scheme:string",
  V1HTTPHeader: "name!:string value!:string",
  V1HostAlias: "hostnames:[]string ip!:string",
  V1HostIP: "ip!:string",
  V1HostPathVolumeSource: "path!:string type:string",
  V1ISCSIVolumeSource:
    "chapAuthDiscovery:boolean chapAuthSession:boolean fsType:string initiatorName:string iqn!:string iscsiInterface:string lun!:int32 portals:[]string readOnly:boolean secretRef:V1LocalObjectReference targetPortal!:string",
  V1ImageVolumeSource: "pullPolicy:string reference:string",
  V1ImageVolumeStatus: "imageRef!:string",
  V1JSONSchemaProps:
    "$ref:string $schema:string additionalItems:any additionalProperties:any allOf:[]V1JSONSchemaProps anyOf:[]V1JSONSchemaProps default:any definitions:{}V1JSONSchemaProps dependencies:{}any description:string enum:[]any example:any exclusiveMaximum:boolean exclusiveMinimum:boolean externalDocs:V1ExternalDocumentation format:string id:string items:any maxItems:int64 maxLength:int64 maxProperties:int64 maximum:number minItems:int64 minLength:int64 minProperties:int64 minimum:number multipleOf:number not:V1JSONSchemaProps nullable:boolean oneOf:[]V1JSONSchemaProps pattern:string patternProperties:{}V1JSONSchemaProps properties:{}V1JSONSchemaProps required:[]string title:string type:string uniqueItems:boolean x-kubernetes-embedded-resource:boolean x-kubernetes-int-or-string:boolean x-kubernetes-list-map-keys:[]string x-kubernetes-list-type:string x-kubernetes-map-type:string x-kubernetes-preserve-unknown-fields:boolean x-kubernetes-validations:[]V1ValidationRule",
  V1Job: "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1JobSpec status:V1JobStatus",
  V1JobCondition:
    "lastProbeTime:time lastTransitionTime:time message:string reason:string status!:string type!:string",
  V1JobSpec:
    "activeDeadlineSeconds:int64 backoffLimit:int32 backoffLimitPerIndex:int32 completionMode:string completions:int32 managedBy:string manualSelector:boolean maxFailedIndexes:int32 parallelism:int32 podFailurePolicy:V1PodFailurePolicy podReplacementPolicy:string selector:V1LabelSelector successPolicy:V1SuccessPolicy suspend:boolean template!:V1PodTemplateSpec ttlSecondsAfterFinished:int32",
  V1JobStatus:
    "active:int32 completedIndexes:string completionTime:time conditions:[]V1JobCondition failed:int32 failedIndexes:string ready:int32 startTime:time succeeded:int32 terminating:int32 uncountedTerminatedPods:V1UncountedTerminatedPods",
  V1JobTemplateSpec: "metadata:V1ObjectMeta spec:V1JobSpec",
  V1KeyToPath: "key!:string mode:int32 path!:string",
  V1LabelSelector: "matchExpressions:[]V1LabelSelectorRequirement matchLabels:{}string",
  V1LabelSelectorAttributes: "rawSelector:string requirements:[]V1LabelSelectorRequirement",
  V1LabelSelectorRequirement: "key!:string operator!:string values:[]string",
  V1Lease: "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1LeaseSpec",
  V1LeaseSpec:
    "acquireTime:time holderIdentity:string leaseDurationSeconds:int32 leaseTransitions:int32 preferredHolder:string renewTime:time strategy:string",
  V1Lifecycle: "postStart:V1LifecycleHandler preStop:V1LifecycleHandler stopSignal:string",
  V1LifecycleHandler:
    "exec:V1ExecAction httpGet:V1HTTPGetAction sleep:V1SleepAction tcpSocket:V1TCPSocketAction",
  V1LinuxContainerUser: "gid!:int64 supplementalGroups:[]int64 uid!:int64",
  V1LoadBalancerIngress: "hostname:string ip:string ipMode:string ports:[]V1PortStatus",
  V1LoadBalancerStatus: "ingress:[]V1LoadBalancerIngress",
  V1LocalObjectReference: "name:string",
  V1ManagedFieldsEntry:
    "apiVersion:string fieldsType:string fieldsV1:any manager:string operation:string subresource:string time:time",
  V1MatchCondition: "expression!:string name!:string",
  V1ModifyVolumeStatus: "status!:string targetVolumeAttributesClassName:string",
  V1MutatingWebhook:
    "admissionReviewVersions!:[]string clientConfig!:AdmissionregistrationV1WebhookClientConfig failurePolicy:string matchConditions:[]V1MatchCondition matchPolicy:string name!:string namespaceSelector:V1LabelSelector objectSelector:V1LabelSelector reinvocationPolicy:string rules:[]V1RuleWithOperations sideEffects!:string timeoutSeconds:int32",
  V1MutatingWebhookConfiguration:
    "apiVersion:string kind:string metadata:V1ObjectMeta webhooks:[]V1MutatingWebhook",
  V1NFSVolumeSource: "path!:string readOnly:boolean server!:string",
  V1Namespace:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1NamespaceSpec status:V1NamespaceStatus",
  V1NamespaceCondition: "lastTransitionTime:time message:string reason:string status!:string type!:string",
  V1NamespaceSpec: "finalizers:[]string",
  V1NamespaceStatus: "conditions:[]V1NamespaceCondition phase:string",
  V1Node: "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1NodeSpec status:V1NodeStatus",
  V1NodeAddress: "address!:string type!:string",
  V1NodeAffinity:
    "preferredDuringSchedulingIgnoredDuringExecution:[]V1PreferredSchedulingTerm requiredDuringSchedulingIgnoredDuringExecution:V1NodeSelector",
  V1NodeAllocatableResourceClaimStatus: "containers:[]string resourceClaimName!:string resources!:{}string",
  V1NodeCondition:
    "lastHeartbeatTime:time lastTransitionTime:time message:string reason:string status!:string type!:string",
  V1NodeConfigSource: "configMap:V1ConfigMapNodeConfigSource",
  V1NodeConfigStatus:
    "active:V1NodeConfigSource assigned:V1NodeConfigSource error:string lastKnownGood:V1NodeConfigSource",
  V1NodeDaemonEndpoints: "kubeletEndpoint:V1DaemonEndpoint",
  V1NodeFeatures: "supplementalGroupsPolicy:boolean",
  V1NodeRuntimeHandler: "features:V1NodeRuntimeHandlerFeatures name:string",
  V1NodeRuntimeHandlerFeatures: "recursiveReadOnlyMounts:boolean userNamespaces:boolean",
  V1NodeSelector: "nodeSelectorTerms!:[]V1NodeSelectorTerm",
  V1NodeSelectorRequirement: "key!:string operator!:string values:[]string",
  V1NodeSelectorTerm: "matchExpressions:[]V1NodeSelectorRequirement matchFields:[]V1NodeSelectorRequirement",
  V1NodeSpec:
    "configSource:V1NodeConfigSource externalID:string podCIDR:string podCIDRs:[]string providerID:string taints:[]V1Taint unschedulable:boolean",
  V1NodeStatus:
    "addresses:[]V1NodeAddress allocatable:{}string capacity:{}string conditions:[]V1NodeCondition config:V1NodeConfigStatus daemonEndpoints:V1NodeDaemonEndpoints declaredFeatures:[]string features:V1NodeFeatures images:[]V1ContainerImage nodeInfo:V1NodeSystemInfo phase:string runtimeHandlers:[]V1NodeRuntimeHandler volumesAttached:[]V1AttachedVolume volumesInUse:[]string",
  V1NodeSwapStatus: "capacity:int64",
  V1NodeSystemInfo:
    "architecture!:string bootID!:string containerRuntimeVersion!:string kernelVersion!:string kubeProxyVersion!:string kubeletVersion!:string machineID!:string operatingSystem!:string osImage!:string swap:V1NodeSwapStatus systemUUID!:string",
  V1NonResourceAttributes: "path:string verb:string",
  V1NonResourceRule: "nonResourceURLs:[]string verbs!:[]string",
  V1ObjectFieldSelector: "apiVersion:string fieldPath!:string",
  V1ObjectMeta:
    "annotations:{}string creationTimestamp:time deletionGracePeriodSeconds:int64 deletionTimestamp:time finalizers:[]string generateName:string generation:int64 labels:{}string managedFields:[]V1ManagedFieldsEntry name:string namespace:string ownerReferences:[]V1OwnerReference resourceVersion:string selfLink:string uid:string",
  V1ObjectReference:
    "apiVersion:string fieldPath:string kind:string name:string namespace:string resourceVersion:string uid:string",
  V1OwnerReference:
    "apiVersion!:string blockOwnerDeletion:boolean controller:boolean kind!:string name!:string uid!:string",
  V1PersistentVolumeClaim:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1PersistentVolumeClaimSpec status:V1PersistentVolumeClaimStatus",
  V1PersistentVolumeClaimCondition:
    "lastProbeTime:time lastTransitionTime:time message:string reason:string status!:string type!:string",
  V1PersistentVolumeClaimSpec:
    "accessModes:[]string dataSource:V1TypedLocalObjectReference dataSourceRef:V1TypedObjectReference resources:V1VolumeResourceRequirements selector:V1LabelSelector storageClassName:string volumeAttributesClassName:string volumeMode:string volumeName:string",
  V1PersistentVolumeClaimStatus:
    "accessModes:[]string allocatedResourceStatuses:{}string allocatedResources:{}string capacity:{}string conditions:[]V1PersistentVolumeClaimCondition currentVolumeAttributesClassName:string modifyVolumeStatus:V1ModifyVolumeStatus phase:string",
  V1PersistentVolumeClaimTemplate: "metadata:V1ObjectMeta spec!:V1PersistentVolumeClaimSpec",
  V1PersistentVolumeClaimVolumeSource: "claimName!:string readOnly:boolean",
  V1PhotonPersistentDiskVolumeSource: "fsType:string pdID!:string",
  V1Pod: "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1PodSpec status:V1PodStatus",
  V1PodAffinity:
    "preferredDuringSchedulingIgnoredDuringExecution:[]V1WeightedPodAffinityTerm requiredDuringSchedulingIgnoredDuringExecution:[]V1PodAffinityTerm",
  V1PodAffinityTerm:
    "labelSelector:V1LabelSelector matchLabelKeys:[]string mismatchLabelKeys:[]string namespaceSelector:V1LabelSelector namespaces:[]string topologyKey!:string",
  V1PodAntiAffinity:
    "preferredDuringSchedulingIgnoredDuringExecution:[]V1WeightedPodAffinityTerm requiredDuringSchedulingIgnoredDuringExecution:[]V1PodAffinityTerm",
  V1PodCertificateProjection:
    "certificateChainPath:string credentialBundlePath:string keyPath:string keyType!:string maxExpirationSeconds:int32 signerName!:string userAnnotations:{}string",
  V1PodCondition:
    "lastProbeTime:time lastTransitionTime:time message:string observedGeneration:int64 reason:string status!:string type!:string",
  V1PodDNSConfig: "nameservers:[]string options:[]V1PodDNSConfigOption searches:[]string",
  V1PodDNSConfigOption: "name:string value:string",
  V1PodDisruptionBudget:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1PodDisruptionBudgetSpec status:V1PodDisruptionBudgetStatus",
  V1PodDisruptionBudgetSpec:
    "maxUnavailable:IntOrString minAvailable:IntOrString selector:V1LabelSelector unhealthyPodEvictionPolicy:string",
  V1PodDisruptionBudgetStatus:
    "conditions:[]V1Condition currentHealthy:int32 desiredHealthy:int32 disruptedPods:{}time disruptionsAllowed:int32 expectedPods:int32 observedGeneration:int64",
  V1PodExtendedResourceClaimStatus:
    "requestMappings!:[]V1ContainerExtendedResourceRequest resourceClaimName!:string",
  V1PodFailurePolicy: "rules!:[]V1PodFailurePolicyRule",
  V1PodFailurePolicyOnExitCodesRequirement: "containerName:string operator!:string values!:[]int32",
  V1PodFailurePolicyOnPodConditionsPattern: "status:string type!:string",
  V1PodFailurePolicyRule:
    "action!:string onExitCodes:V1PodFailurePolicyOnExitCodesRequirement onPodConditions:[]V1PodFailurePolicyOnPodConditionsPattern",
  V1PodIP: "ip!:string",
  V1PodOS: "name!:string",
  V1PodReadinessGate: "conditionType!:string",
  V1PodResourceClaim: "name!:string resourceClaimName:string resourceClaimTemplateName:string",
  V1PodResourceClaimStatus: "name!:string resourceClaimName:string",
  V1PodSchedulingGate: "name!:string",
  V1PodSchedulingGroup: "podGroupName:string",
  V1PodSecurityContext:
    "appArmorProfile:V1AppArmorProfile fsGroup:int64 fsGroupChangePolicy:string runAsGroup:int64 runAsNonRoot:boolean runAsUser:int64 seLinuxChangePolicy:string seLinuxOptions:V1SELinuxOptions seccompProfile:V1SeccompProfile supplementalGroups:[]int64 supplementalGroupsPolicy:string sysctls:[]V1Sysctl windowsOptions:V1WindowsSecurityContextOptions",
  V1PodSpec:
    "activeDeadlineSeconds:int64 affinity:V1Affinity automountServiceAccountToken:boolean containers!:[]V1Container dnsConfig:V1PodDNSConfig dnsPolicy:string enableServiceLinks:boolean ephemeralContainers:[]V1EphemeralContainer hostAliases:[]V1HostAlias hostIPC:boolean hostNetwork:boolean hostPID:boolean hostUsers:boolean hostname:string hostnameOverride:string imagePullSecrets:[]V1LocalObjectReference initContainers:[]V1Container nodeName:string nodeSelector:{}string os:V1PodOS overhead:{}string preemptionPolicy:string priority:int32 priorityClassName:string readinessGates:[]V1PodReadinessGate resourceClaims:[]V1PodResourceClaim resources:V1ResourceRequirements restartPolicy:string runtimeClassName:string schedulerName:string schedulingGates:[]V1PodSchedulingGate schedulingGroup:V1PodSchedulingGroup securityContext:V1PodSecurityContext serviceAccount:string serviceAccountName:string setHostnameAsFQDN:boolean shareProcessNamespace:boolean subdomain:string terminationGracePeriodSeconds:int64 tolerations:[]V1Toleration topologySpreadConstraints:[]V1TopologySpreadConstraint volumes:[]V1Volume",
  V1PodStatus:
    "allocatedResources:{}string conditions:[]V1PodCondition containerStatuses:[]V1ContainerStatus ephemeralContainerStatuses:[]V1ContainerStatus extendedResourceClaimStatus:V1PodExtendedResourceClaimStatus hostIP:string hostIPs:[]V1HostIP initContainerStatuses:[]V1ContainerStatus message:string nodeAllocatableResourceClaimStatuses:[]V1NodeAllocatableResourceClaimStatus nominatedNodeName:string observedGeneration:int64 phase:string podIP:string podIPs:[]V1PodIP qosClass:string reason:string resize:string resourceClaimStatuses:[]V1PodResourceClaimStatus resources:V1ResourceRequirements startTime:time",
  V1PodTemplateSpec: "metadata:V1ObjectMeta spec:V1PodSpec",
  V1PolicyRule:
    "apiGroups:[]string nonResourceURLs:[]string resourceNames:[]string resources:[]string verbs!:[]string",
  V1PortStatus: "error:string port!:int32 protocol!:string",
  V1PortworxVolumeSource: "fsType:string readOnly:boolean volumeID!:string",
  V1Preconditions: "resourceVersion:string uid:string",
  V1PreferredSchedulingTerm: "preference!:V1NodeSelectorTerm weight!:int32",
  V1Probe:
    "exec:V1ExecAction failureThreshold:int32 grpc:V1GRPCAction httpGet:V1HTTPGetAction initialDelaySeconds:int32 periodSeconds:int32 successThreshold:int32 tcpSocket:V1TCPSocketAction terminationGracePeriodSeconds:int64 timeoutSeconds:int32",
  V1ProjectedVolumeSource: "defaultMode:int32 sources:[]V1VolumeProjection",
  V1QuobyteVolumeSource:
    "group:string readOnly:boolean registry!:string tenant:string user:string volume!:string",
  V1RBDVolumeSource:
    "fsType:string image!:string keyring:string monitors!:[]string pool:string readOnly:boolean secretRef:V1LocalObjectReference user:string",
  V1ReplicaSet:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1ReplicaSetSpec status:V1ReplicaSetStatus",
  V1ReplicaSetCondition: "lastTransitionTime:time message:string reason:string status!:string type!:string",
  V1ReplicaSetSpec:
    "minReadySeconds:int32 replicas:int32 selector!:V1LabelSelector template:V1PodTemplateSpec",
  V1ReplicaSetStatus:
    "availableReplicas:int32 conditions:[]V1ReplicaSetCondition fullyLabeledReplicas:int32 observedGeneration:int64 readyReplicas:int32 replicas!:int32 terminatingReplicas:int32",
  V1ReplicationController:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1ReplicationControllerSpec status:V1ReplicationControllerStatus",
  V1ReplicationControllerCondition:
    "lastTransitionTime:time message:string reason:string status!:string type!:string",
  V1ReplicationControllerSpec:
    "minReadySeconds:int32 replicas:int32 selector:{}string template:V1PodTemplateSpec",
  V1ReplicationControllerStatus:
    "availableReplicas:int32 conditions:[]V1ReplicationControllerCondition fullyLabeledReplicas:int32 observedGeneration:int64 readyReplicas:int32 replicas!:int32",
  V1ResourceAttributes:
    "fieldSelector:V1FieldSelectorAttributes group:string labelSelector:V1LabelSelectorAttributes name:string namespace:string resource:string subresource:string verb:string version:string",
  V1ResourceFieldSelector: "containerName:string divisor:string resource!:string",
  V1ResourceHealth: "health:string message:string resourceID!:string",
  V1ResourceRequirements: "claims:[]CoreV1ResourceClaim limits:{}string requests:{}string",
  V1ResourceRule: "apiGroups:[]string resourceNames:[]string resources:[]string verbs!:[]string",
  V1ResourceStatus: "name!:string resources:[]V1ResourceHealth",
  V1Role: "apiVersion:string kind:string metadata:V1ObjectMeta rules:[]V1PolicyRule",
  V1RoleBinding:
    "apiVersion:string kind:string metadata:V1ObjectMeta roleRef!:V1RoleRef subjects:[]RbacV1Subject",
  V1RoleRef: "apiGroup:string kind!:string name!:string",
  V1RollingUpdateDaemonSet: "maxSurge:IntOrString maxUnavailable:IntOrString",
  V1RollingUpdateDeployment: "maxSurge:IntOrString maxUnavailable:IntOrString",
  V1RollingUpdateStatefulSetStrategy: "maxUnavailable:IntOrString partition:int32",
  V1RuleWithOperations:
    "apiGroups:[]string apiVersions:[]string operations:[]string resources:[]string scope:string",
  V1SELinuxOptions: "level:string role:string type:string user:string",
  V1Scale: "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1ScaleSpec status:V1ScaleStatus",
  V1ScaleIOVolumeSource:
    "fsType:string gateway!:string protectionDomain:string readOnly:boolean secretRef!:V1LocalObjectReference sslEnabled:boolean storageMode:string storagePool:string system!:string volumeName:string",
  V1ScaleSpec: "replicas:int32",
  V1ScaleStatus: "replicas!:int32 selector:string",
  V1SeccompProfile: "localhostProfile:string type!:string",
  V1Secret:
    "apiVersion:string data:{}bytes immutable:boolean kind:string metadata:V1ObjectMeta stringData:{}string type:string",
  V1SecretEnvSource: "name:string optional:boolean",
  V1SecretKeySelector: "key!:string name:string optional:boolean",
  V1SecretProjection: "items:[]V1KeyToPath name:string optional:boolean",
  V1SecretVolumeSource: "defaultMode:int32 items:[]V1KeyToPath optional:boolean secretName:string",
  V1SecurityContext:
    "allowPrivilegeEscalation:boolean appArmorProfile:V1AppArmorProfile capabilities:V1Capabilities privileged:boolean procMount:string readOnlyRootFilesystem:boolean runAsGroup:int64 runAsNonRoot:boolean runAsUser:int64 seLinuxOptions:V1SELinuxOptions seccompProfile:V1SeccompProfile windowsOptions:V1WindowsSecurityContextOptions",
  V1SelectableField: "jsonPath!:string",
  V1SelfSubjectAccessReview:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec!:V1SelfSubjectAccessReviewSpec status:V1SubjectAccessReviewStatus",
  V1SelfSubjectAccessReviewSpec:
    "nonResourceAttributes:V1NonResourceAttributes resourceAttributes:V1ResourceAttributes",
  V1SelfSubjectRulesReview:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec!:V1SelfSubjectRulesReviewSpec status:V1SubjectRulesReviewStatus",
  V1SelfSubjectRulesReviewSpec: "namespace:string",
  V1Service: "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1ServiceSpec status:V1ServiceStatus",
  V1ServiceAccount:
    "apiVersion:string automountServiceAccountToken:boolean imagePullSecrets:[]V1LocalObjectReference kind:string metadata:V1ObjectMeta secrets:[]V1ObjectReference",
  V1ServiceAccountTokenProjection: "audience:string expirationSeconds:int64 path!:string",
  V1ServicePort:
    "appProtocol:string name:string nodePort:int32 port!:int32 protocol:string targetPort:IntOrString",
  V1ServiceSpec:
    "allocateLoadBalancerNodePorts:boolean clusterIP:string clusterIPs:[]string externalIPs:[]string externalName:string externalTrafficPolicy:string healthCheckNodePort:int32 internalTrafficPolicy:string ipFamilies:[]string ipFamilyPolicy:string loadBalancerClass:string loadBalancerIP:string loadBalancerSourceRanges:[]string ports:[]V1ServicePort publishNotReadyAddresses:boolean selector:{}string sessionAffinity:string sessionAffinityConfig:V1SessionAffinityConfig trafficDistribution:string type:string",
  V1ServiceStatus: "conditions:[]V1Condition loadBalancer:V1LoadBalancerStatus",
  V1SessionAffinityConfig: "clientIP:V1ClientIPConfig",
  V1SleepAction: "seconds!:int64",
  V1StatefulSet:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec:V1StatefulSetSpec status:V1StatefulSetStatus",
  V1StatefulSetCondition: "lastTransitionTime:time message:string reason:string status!:string type!:string",
  V1StatefulSetOrdinals: "start:int32",
  V1StatefulSetPersistentVolumeClaimRetentionPolicy: "whenDeleted:string whenScaled:string",
  V1StatefulSetSpec:
    "minReadySeconds:int32 ordinals:V1StatefulSetOrdinals persistentVolumeClaimRetentionPolicy:V1StatefulSetPersistentVolumeClaimRetentionPolicy podManagementPolicy:string replicas:int32 revisionHistoryLimit:int32 selector!:V1LabelSelector serviceName:string template!:V1PodTemplateSpec updateStrategy:V1StatefulSetUpdateStrategy volumeClaimTemplates:[]V1PersistentVolumeClaim",
  V1StatefulSetStatus:
    "availableReplicas:int32 collisionCount:int32 conditions:[]V1StatefulSetCondition currentReplicas:int32 currentRevision:string observedGeneration:int64 readyReplicas:int32 replicas!:int32 updateRevision:string updatedReplicas:int32",
  V1StatefulSetUpdateStrategy: "rollingUpdate:V1RollingUpdateStatefulSetStrategy type:string",
  V1StorageOSVolumeSource:
    "fsType:string readOnly:boolean secretRef:V1LocalObjectReference volumeName:string volumeNamespace:string",
  V1SubjectAccessReview:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec!:V1SubjectAccessReviewSpec status:V1SubjectAccessReviewStatus",
  V1SubjectAccessReviewSpec:
    "extra:{}[]string groups:[]string nonResourceAttributes:V1NonResourceAttributes resourceAttributes:V1ResourceAttributes uid:string user:string",
  V1SubjectAccessReviewStatus: "allowed!:boolean denied:boolean evaluationError:string reason:string",
  V1SubjectRulesReviewStatus:
    "evaluationError:string incomplete!:boolean nonResourceRules!:[]V1NonResourceRule resourceRules!:[]V1ResourceRule",
  V1SuccessPolicy: "rules!:[]V1SuccessPolicyRule",
  V1SuccessPolicyRule: "succeededCount:int32 succeededIndexes:string",
  V1Sysctl: "name!:string value!:string",
  V1TCPSocketAction: "host:string port!:IntOrString",
  V1Taint: "effect!:string key!:string timeAdded:time value:string",
  V1TokenRequestSpec: "audiences:[]string boundObjectRef:V1BoundObjectReference expirationSeconds:int64",
  V1TokenRequestStatus: "expirationTimestamp:time token:string",
  V1TokenReview:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec!:V1TokenReviewSpec status:V1TokenReviewStatus",
  V1TokenReviewSpec: "audiences:[]string token!:string",
  V1TokenReviewStatus: "audiences:[]string authenticated:boolean error:string user:V1UserInfo",
  V1Toleration: "effect:string key:string operator:string tolerationSeconds:int64 value:string",
  V1TopologySpreadConstraint:
    "labelSelector:V1LabelSelector matchLabelKeys:[]string maxSkew!:int32 minDomains:int32 nodeAffinityPolicy:string nodeTaintsPolicy:string topologyKey!:string whenUnsatisfiable!:string",
  V1TypedLocalObjectReference: "apiGroup:string kind!:string name!:string",
  V1TypedObjectReference: "apiGroup:string kind!:string name!:string namespace:string",
  V1UncountedTerminatedPods: "failed:[]string succeeded:[]string",
  V1UserInfo: "extra:{}[]string groups:[]string uid:string username:string",
  V1ValidatingWebhook:
    "admissionReviewVersions!:[]string clientConfig!:AdmissionregistrationV1WebhookClientConfig failurePolicy:string matchConditions:[]V1MatchCondition matchPolicy:string name!:string namespaceSelector:V1LabelSelector objectSelector:V1LabelSelector rules:[]V1RuleWithOperations sideEffects!:string timeoutSeconds:int32",
  V1ValidatingWebhookConfiguration:
    "apiVersion:string kind:string metadata:V1ObjectMeta webhooks:[]V1ValidatingWebhook",
  V1ValidationRule:
    "fieldPath:string message:string messageExpression:string optionalOldSelf:boolean reason:string rule!:string",
  V1Volume:
    "awsElasticBlockStore:V1AWSElasticBlockStoreVolumeSource azureDisk:V1AzureDiskVolumeSource azureFile:V1AzureFileVolumeSource cephfs:V1CephFSVolumeSource cinder:V1CinderVolumeSource configMap:V1ConfigMapVolumeSource csi:V1CSIVolumeSource downwardAPI:V1DownwardAPIVolumeSource emptyDir:V1EmptyDirVolumeSource ephemeral:V1EphemeralVolumeSource fc:V1FCVolumeSource flexVolume:V1FlexVolumeSource flocker:V1FlockerVolumeSource gcePersistentDisk:V1GCEPersistentDiskVolumeSource gitRepo:V1GitRepoVolumeSource glusterfs:V1GlusterfsVolumeSource hostPath:V1HostPathVolumeSource image:V1ImageVolumeSource iscsi:V1ISCSIVolumeSource name!:string nfs:V1NFSVolumeSource persistentVolumeClaim:V1PersistentVolumeClaimVolumeSource photonPersistentDisk:V1PhotonPersistentDiskVolumeSource portworxVolume:V1PortworxVolumeSource projected:V1ProjectedVolumeSource quobyte:V1QuobyteVolumeSource rbd:V1RBDVolumeSource scaleIO:V1ScaleIOVolumeSource secret:V1SecretVolumeSource storageos:V1StorageOSVolumeSource vsphereVolume:V1VsphereVirtualDiskVolumeSource",
  V1VolumeDevice: "devicePath!:string name!:string",
  V1VolumeMount:
    "mountPath!:string mountPropagation:string name!:string readOnly:boolean recursiveReadOnly:string subPath:string subPathExpr:string",
  V1VolumeMountStatus:
    "mountPath!:string name!:string readOnly:boolean recursiveReadOnly:string volumeStatus:V1VolumeStatus",
  V1VolumeProjection:
    "clusterTrustBundle:V1ClusterTrustBundleProjection configMap:V1ConfigMapProjection downwardAPI:V1DownwardAPIProjection podCertificate:V1PodCertificateProjection secret:V1SecretProjection serviceAccountToken:V1ServiceAccountTokenProjection",
  V1VolumeResourceRequirements: "limits:{}string requests:{}string",
  V1VolumeStatus: "image:V1ImageVolumeStatus",
  V1VsphereVirtualDiskVolumeSource:
    "fsType:string storagePolicyID:string storagePolicyName:string volumePath!:string",
  V1WebhookConversion: "clientConfig:ApiextensionsV1WebhookClientConfig conversionReviewVersions!:[]string",
  V1WeightedPodAffinityTerm: "podAffinityTerm!:V1PodAffinityTerm weight!:int32",
  V1WindowsSecurityContextOptions:
    "gmsaCredentialSpec:string gmsaCredentialSpecName:string hostProcess:boolean runAsUserName:string",
  V2ContainerResourceMetricSource: "container!:string name!:string target!:V2MetricTarget",
  V2ContainerResourceMetricStatus: "container!:string current!:V2MetricValueStatus name!:string",
  V2CrossVersionObjectReference: "apiVersion:string kind!:string name!:string",
  V2ExternalMetricSource: "metric!:V2MetricIdentifier target!:V2MetricTarget",
  V2ExternalMetricStatus: "current!:V2MetricValueStatus metric!:V2MetricIdentifier",
  V2HPAScalingPolicy: "periodSeconds!:int32 type!:string value!:int32",
  V2HPAScalingRules:
    "policies:[]V2HPAScalingPolicy selectPolicy:string stabilizationWindowSeconds:int32 tolerance:string",
  V2HorizontalPodAutoscaler:
    "apiVersion:string kind:string metadata:V1ObjectMeta spec!:V2HorizontalPodAutoscalerSpec status:V2HorizontalPodAutoscalerStatus",
  V2HorizontalPodAutoscalerBehavior: "scaleDown:V2HPAScalingRules scaleUp:V2HPAScalingRules",
  V2HorizontalPodAutoscalerCondition:
    "lastTransitionTime:time message:string reason:string status!:string type!:string",
  V2HorizontalPodAutoscalerSpec:
    "behavior:V2HorizontalPodAutoscalerBehavior maxReplicas!:int32 metrics:[]V2MetricSpec minReplicas:int32 scaleTargetRef!:V2CrossVersionObjectReference",
  V2HorizontalPodAutoscalerStatus:
    "conditions:[]V2HorizontalPodAutoscalerCondition currentMetrics:[]V2MetricStatus currentReplicas:int32 desiredReplicas!:int32 lastScaleTime:time observedGeneration:int64",
  V2MetricIdentifier: "name!:string selector:V1LabelSelector",
  V2MetricSpec:
    "containerResource:V2ContainerResourceMetricSource external:V2ExternalMetricSource object:V2ObjectMetricSource pods:V2PodsMetricSource resource:V2ResourceMetricSource type!:string",
  V2MetricStatus:
    "containerResource:V2ContainerResourceMetricStatus external:V2ExternalMetricStatus object:V2ObjectMetricStatus pods:V2PodsMetricStatus resource:V2ResourceMetricStatus type!:string",
  V2MetricTarget: "averageUtilization:int32 averageValue:string type!:string value:string",
  V2MetricValueStatus: "averageUtilization:int32 averageValue:string value:string",
  V2ObjectMetricSource:
    "describedObject!:V2CrossVersionObjectReference metric!:V2MetricIdentifier target!:V2MetricTarget",
  V2ObjectMetricStatus:
    "current!:V2MetricValueStatus describedObject!:V2CrossVersionObjectReference metric!:V2MetricIdentifier",
  V2PodsMetricSource: "metric!:V2MetricIdentifier target!:V2MetricTarget",
  V2PodsMetricStatus: "current!:V2MetricValueStatus metric!:V2MetricIdentifier",
  V2ResourceMetricSource: "name!:string target!:V2MetricTarget",
  V2ResourceMetricStatus: "current!:V2MetricValueStatus name!:string",
};
