/** The objects of the recorded session. Programs run in meshctl's own image: it is the one that both kinds of cluster have. */

const SERVER =
  "console.log('started'); process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000)";
const TALKER = "for (let i = 1; i <= 3; i++) console.log('line ' + i)";

function container(name: string, image: string, program: string): string {
  return JSON.stringify({
    name,
    image,
    imagePullPolicy: "IfNotPresent",
    command: ["/usr/bin/node", "-e", program],
    ports: [{ name: "http", containerPort: 8080 }],
  });
}

function annotation(name: string, program: string): string {
  return JSON.stringify({ [`dev.meshctl.io/command.${name}`]: `node -e "${program}"` });
}

/** A small application: what people apply. */
export function application(image: string, replicas: number): string {
  return `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {color: blue, size: "3"}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {password: example}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
- {apiGroups: [""], resources: [pods, services], verbs: [get, list, watch]}
- {apiGroups: [apps], resources: [deployments], resourceNames: [web], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: reader}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: http}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec:
  clusterIP: None
  selector: {app: web}
  ports:
  - {name: http, port: 8080}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere}
spec: {type: ExternalName, externalName: example.org}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: ${annotation("web", SERVER)}
    spec:
      serviceAccountName: reader
      terminationGracePeriodSeconds: 5
      containers:
      - ${container("web", image, SERVER)}
---
apiVersion: v1
kind: Pod
metadata:
  name: talker
  labels: {app: talker}
  annotations: ${annotation("talker", TALKER)}
spec:
  restartPolicy: Never
  containers:
  - ${container("talker", image, TALKER)}
`;
}

/** One of every other kind, none of which runs anything. */
export function idleWorkloads(image: string): string {
  const template = `{metadata: {labels: {app: idle}}, spec: {containers: [{name: idle, image: "${image}"}]}}`;
  const jobTemplate = `{spec: {restartPolicy: Never, containers: [{name: idle, image: "${image}"}]}}`;
  return `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: idle}
spec: {replicas: 0, serviceName: idle, selector: {matchLabels: {app: idle}}, template: ${template}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: idle}
spec:
  selector: {matchLabels: {app: idle}}
  template: {metadata: {labels: {app: idle}}, spec: {nodeSelector: {nowhere: "true"}, containers: [{name: idle, image: "${image}"}]}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: idle}
spec: {replicas: 0, selector: {matchLabels: {app: idle}}, template: ${template}}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: idle}
spec: {replicas: 0, selector: {app: idle}, template: ${template}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: idle}
spec: {suspend: true, template: ${jobTemplate}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: idle}
spec: {suspend: true, schedule: "*/5 * * * *", jobTemplate: {spec: {template: ${jobTemplate}}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: idle}
spec: {minAvailable: 1, selector: {matchLabels: {app: idle}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: idle}
spec:
  minReplicas: 1
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: idle}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: idle}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Mi}}}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: idle}
spec: {holderIdentity: somebody, leaseDurationSeconds: 15}
`;
}

/** A resource of our own, with printed columns, a schema that prunes, and a status. */
export const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: kettles.replay.meshctl.io}
spec:
  group: replay.meshctl.io
  scope: Namespaced
  names: {kind: Kettle, plural: kettles, shortNames: [ket], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Water, type: integer, jsonPath: .spec.litres}
    - {name: Lid, type: string, jsonPath: .spec.lid, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [litres]
            properties:
              litres: {type: integer, minimum: 1, maximum: 5}
              lid: {type: string, enum: [open, shut], default: shut}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
`;

export const KETTLE = `
apiVersion: replay.meshctl.io/v1
kind: Kettle
metadata: {name: one}
spec: {litres: 2}
`;

/** Applies to no namespace that exists. */
export const WEBHOOK = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: replay.meshctl.io}
webhooks:
- name: replay.meshctl.io
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  clientConfig: {service: {namespace: replay-nowhere, name: nobody}}
  namespaceSelector: {matchLabels: {replay.meshctl.io/none: "true"}}
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
`;

/** Objects that a server refuses, by what is wrong with them. */
export const REFUSED: Readonly<Record<string, string>> = {
  "name with capitals": `{apiVersion: v1, kind: ConfigMap, metadata: {name: Upper}}`,
  "no container": `{apiVersion: v1, kind: Pod, metadata: {name: empty}, spec: {containers: []}}`,
  "no image": `{apiVersion: v1, kind: Pod, metadata: {name: blank}, spec: {containers: [{name: a}]}}`,
  "container twice": `{apiVersion: v1, kind: Pod, metadata: {name: twice}, spec: {containers: [{name: a, image: a:1}, {name: a, image: a:1}]}}`,
  "selector that does not match": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: apart}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: a, image: a:1}]}}}}`,
  "no selector": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: unselected}, spec: {template: {metadata: {labels: {a: c}}, spec: {containers: [{name: a, image: a:1}]}}}}`,
  "unknown field": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: odd}, spec: {replica: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a:1}]}}}}`,
  "wrong type": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: typed}, spec: {replicas: many, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a:1}]}}}}`,
  "negative replicas": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: negative}, spec: {replicas: -1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a:1}]}}}}`,
  "bad label": `{apiVersion: v1, kind: ConfigMap, metadata: {name: labelled, labels: {a: "not a label"}}}`,
  "bad label key": `{apiVersion: v1, kind: ConfigMap, metadata: {name: labelled, labels: {"a b": c}}}`,
  "port out of range": `{apiVersion: v1, kind: Service, metadata: {name: ported}, spec: {ports: [{port: 70000}]}}`,
  "no port": `{apiVersion: v1, kind: Service, metadata: {name: portless}, spec: {selector: {a: b}}}`,
  "unnamed ports": `{apiVersion: v1, kind: Service, metadata: {name: unnamed}, spec: {ports: [{port: 80}, {port: 81}]}}`,
  "service type": `{apiVersion: v1, kind: Service, metadata: {name: typed}, spec: {type: Sometimes, ports: [{port: 80}]}}`,
  "missing volume": `{apiVersion: v1, kind: Pod, metadata: {name: volumeless}, spec: {containers: [{name: a, image: a:1, volumeMounts: [{name: data, mountPath: /data}]}]}}`,
  "restart policy": `{apiVersion: v1, kind: Pod, metadata: {name: restarted}, spec: {restartPolicy: Sometimes, containers: [{name: a, image: a:1}]}}`,
  "missing account": `{apiVersion: v1, kind: Pod, metadata: {name: unaccounted}, spec: {serviceAccountName: nobody, containers: [{name: a, image: a:1}]}}`,
  "probe without handler": `{apiVersion: v1, kind: Pod, metadata: {name: probed}, spec: {containers: [{name: a, image: a:1, readinessProbe: {periodSeconds: 3}}]}}`,
  "host port clash": `{apiVersion: v1, kind: Pod, metadata: {name: clash}, spec: {containers: [{name: a, image: a:1, ports: [{containerPort: 80, name: too-long-a-port-name}]}]}}`,
  "env name": `{apiVersion: v1, kind: Pod, metadata: {name: env}, spec: {containers: [{name: a, image: a:1, env: [{name: "a=b", value: c}]}]}}`,
  quantity: `{apiVersion: v1, kind: Pod, metadata: {name: quantity}, spec: {containers: [{name: a, image: a:1, resources: {limits: {cpu: lots}}}]}}`,
  "request above limit": `{apiVersion: v1, kind: Pod, metadata: {name: greedy}, spec: {containers: [{name: a, image: a:1, resources: {limits: {cpu: 1}, requests: {cpu: 2}}}]}}`,
  namespace: `{apiVersion: v1, kind: ConfigMap, metadata: {name: lost, namespace: replay-nowhere}}`,
  "role without verbs": `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: verbless}, rules: [{apiGroups: [""], resources: [pods]}]}`,
  "binding of nothing": `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: unbound}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Nothing, name: x}}`,
  "kettle too large": `{apiVersion: replay.meshctl.io/v1, kind: Kettle, metadata: {name: large}, spec: {litres: 9}}`,
  "kettle without water": `{apiVersion: replay.meshctl.io/v1, kind: Kettle, metadata: {name: dry}, spec: {}}`,
  "kettle of text": `{apiVersion: replay.meshctl.io/v1, kind: Kettle, metadata: {name: text}, spec: {litres: two, lid: ajar}}`,
  "kettle with a spout": `{apiVersion: replay.meshctl.io/v1, kind: Kettle, metadata: {name: spout}, spec: {litres: 1, spout: true}}`,
  "unknown kind": `{apiVersion: replay.meshctl.io/v1, kind: Teapot, metadata: {name: one}}`,
};
