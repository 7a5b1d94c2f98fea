import { application, DEFINITION, idleWorkloads, KETTLE, REFUSED, WEBHOOK } from "./manifests.ts";

/** One command of the session. */
export interface Step {
  readonly name: string;
  /** Arguments of kubectl, without `-n`; or of meshctl. */
  readonly args: readonly string[];
  readonly program?: "meshctl";
  /** Needs the files of an installation, and runs until it is stopped; nothing that it would write reaches the server. */
  readonly isControlPlane?: true;
  readonly input?: string;
  /** Standard input is what an earlier step printed. */
  readonly inputFrom?: string;
  /** Changes that input. */
  readonly change?: (text: string) => string;
  /** Ends the command when its output matches. */
  readonly until?: RegExp;
}

const TABLES =
  "pods deployments replicasets services endpoints endpointslices configmaps secrets serviceaccounts roles rolebindings events statefulsets daemonsets replicationcontrollers jobs cronjobs poddisruptionbudgets horizontalpodautoscalers persistentvolumeclaims leases kettles";

/** What meshctl itself asks: its verbs, and the control plane's lists and watches. */
function meshSteps(namespace: string, image: string): Step[] {
  const mesh = (line: string, more: Partial<Step> = {}): Step => ({
    name: `meshctl ${line}`,
    args: line.split(" "),
    program: "meshctl",
    ...more,
  });
  return [
    mesh("check"),
    mesh("install"),
    mesh("inject -", { input: application(image, 1) }),
    mesh(`stat deploy -n ${namespace}`),
    mesh(`edges deploy -n ${namespace}`),
    mesh("control-plane controller", { isControlPlane: true }),
  ];
}

/** What people do with kubectl, once through. Everything is in `namespace`, but for a CRD and a webhook configuration of our own. */
export function kubectlSession(namespace: string, image: string): Step[] {
  const run = (line: string, more: Partial<Step> = {}): Step => ({
    name: line,
    args: line.split(" "),
    ...more,
  });
  const apply = (name: string, input: string): Step => ({ name, args: ["apply", "-f", "-"], input });
  const raw = (path: string): Step => ({ name: `get --raw ${path}`, args: ["get", "--raw", path] });
  const core = `/api/v1/namespaces/${namespace}`;
  return [
    run("api-versions"),
    run("api-resources"),
    raw("/healthz"),
    run(`create namespace ${namespace}`),
    apply("apply definition", DEFINITION),
    run("wait --for=condition=Established crd/kettles.replay.meshctl.io --timeout=20s"),
    apply("apply webhook", WEBHOOK),
    run("wait --for=create serviceaccount/default --timeout=20s"),
    apply("apply application", application(image, 2)),
    run("rollout status deploy/web --timeout=60s"),
    run("wait --for=jsonpath={.status.phase}=Succeeded pod/talker --timeout=60s"),
    apply("apply application unchanged", application(image, 2)),
    apply("apply idle workloads", idleWorkloads(image)),
    apply("apply kettle", KETTLE),

    ...TABLES.split(" ").map((resource) => run(`get ${resource} -o wide`)),
    run("get all"),
    run("get pods --show-labels"),
    run("get pods -l app=web"),
    run("get pods -l app!=web"),
    run("get pods -l", {
      name: "get pods -l 'app in (web,talker)'",
      args: ["get", "pods", "-l", "app in (web,talker)"],
    }),
    run("get pods --field-selector status.phase=Running"),
    run("get pods --field-selector metadata.name=talker"),
    run("get pods --sort-by=.metadata.name"),
    run("get pods -o name"),
    run("get pod talker -o yaml"),
    run("get deploy web -o json"),
    run("get deploy web -o jsonpath={.status.replicas}"),
    run("get svc web -o yaml"),
    run("get ep web -o yaml"),
    run("get pods --chunk-size=1"),
    run(`get ns ${namespace}`),
    run(`get ns ${namespace} -o yaml`),
    run("get crd kettles.replay.meshctl.io"),
    run("get crd kettles.replay.meshctl.io -o yaml"),
    run("get mutatingwebhookconfiguration replay.meshctl.io"),
    run("get mutatingwebhookconfiguration replay.meshctl.io -o yaml"),
    run("get clusterrole view"),
    run("get clusterrolebinding cluster-admin"),
    run("get kettle one -o yaml"),
    run("get nodes -o name"),
    run("get pods -w --request-timeout=2s"),
    run("get pods --output-watch-events -w --request-timeout=2s -l app=talker"),

    run("describe deploy web"),
    run("describe pod talker"),
    run("describe pods -l app=web"),
    run("describe svc web"),
    run(`describe ns ${namespace}`),
    run("describe cm settings"),
    run("describe sa reader"),
    run("describe role reader"),
    run("describe kettle one"),
    run("logs talker"),
    run("logs -f talker"),
    run("logs talker --tail=1"),
    run("logs talker --timestamps --limit-bytes=12"),
    run("logs deploy/web"),
    run("logs talker -c nobody"),
    run("logs talker --previous"),
    run("logs -l app=web --prefix"),
    run("events --for pod/talker"),

    run("scale deploy web --replicas=3"),
    run("rollout status deploy/web --timeout=60s", { name: "rollout status after scale" }),
    run("scale deploy web --replicas=1 --current-replicas=7"),
    run("rollout restart deploy/web"),
    run("rollout status deploy/web --timeout=60s", { name: "rollout status after restart" }),
    run("rollout history deploy/web"),
    run("rollout history deploy/web --revision=2"),
    run("rollout undo deploy/web"),
    run("rollout status deploy/web --timeout=60s", { name: "rollout status after undo" }),
    run("rollout pause deploy/web"),
    run("rollout resume deploy/web"),
    run("set image deploy/web nobody=a:1"),
    run("set env deploy/web --list"),
    run("wait --for=condition=Available deploy/web --timeout=20s"),
    run("wait --for=condition=Available deploy/web --timeout=0"),
    run("get deployments -o wide", { name: "get deployments after rollouts" }),
    run("get replicasets -o wide", { name: "get replicasets after rollouts" }),

    run("auth can-i create pods"),
    run("auth can-i --list"),
    run(`auth can-i --list --as=system:serviceaccount:${namespace}:reader`),
    run(`auth can-i get pods --as=system:serviceaccount:${namespace}:reader`),
    run(`auth can-i get secrets --as=system:serviceaccount:${namespace}:reader`),
    run(`auth can-i get deploy/web --as=system:serviceaccount:${namespace}:reader`),
    run("auth whoami"),
    run(`auth whoami --as=system:serviceaccount:${namespace}:reader`),

    run("label cm settings tier=front"),
    run("label cm settings tier=back"),
    run("label cm settings tier=back --overwrite"),
    run("label cm settings tier-"),
    run("annotate cm settings note=hello"),
    run("annotate cm settings note-"),
    run("patch deploy web", {
      name: "patch strategic",
      args: [
        "patch",
        "deploy",
        "web",
        "-p",
        '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}',
      ],
    }),
    run("patch merge", {
      args: ["patch", "cm", "settings", "--type=merge", "-p", '{"data":{"size":null,"shape":"round"}}'],
    }),
    run("patch json", {
      args: [
        "patch",
        "cm",
        "settings",
        "--type=json",
        "-p",
        '[{"op":"replace","path":"/data/color","value":"green"}]',
      ],
    }),
    run("patch kettle", {
      args: ["patch", "kettle", "one", "--type=merge", "-p", '{"spec":{"lid":"open"}}'],
    }),
    run("patch status of kettle", {
      args: [
        "patch",
        "kettle",
        "one",
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"hot":true}}',
      ],
    }),
    run("patch scale", {
      args: [
        "patch",
        "deploy",
        "web",
        "--subresource=scale",
        "--type=merge",
        "-p",
        '{"spec":{"replicas":2}}',
      ],
    }),
    run("get deploy web --subresource=scale"),
    run("get deploy web --subresource=status -o name"),
    run("create configmap made --from-literal=a=b"),
    run("create configmap made --from-literal=a=b", { name: "create again" }),
    run("create token reader"),
    run("create serviceaccount writer"),
    run("create role writer --verb=get --resource=pods"),
    run("create rolebinding writer --role=writer --serviceaccount=default:writer"),
    run("create service clusterip made --tcp=80:8080"),
    run("create deployment made --image=made:1 --replicas=0"),
    run("run runner --image=made:1 --restart=Never"),
    run("expose deploy web --name=exposed --port=80"),
    run("get cm settings -o yaml", { name: "get to edit" }),
    run("replace -f -", {
      name: "replace edited",
      inputFrom: "get to edit",
      change: (text) => text.replace("green", "yellow"),
    }),
    run("replace -f -", {
      name: "replace stale",
      inputFrom: "get to edit",
      change: (text) => text.replace("green", "black"),
    }),
    run("create -f -", { name: "create with version", inputFrom: "get to edit" }),
    run("explain pods.spec.restartPolicy"),
    run("explain kettle.spec"),

    run("get pod missing"),
    run("get deploy missing"),
    run("get kettle missing"),
    run("get teapots"),
    run("get pods -l a=b,,"),
    run("get pods --field-selector spec.nonsense=1"),
    run("get secrets --as=system:serviceaccount:replay-nobody:nobody"),
    run("get pod talker --as=somebody"),
    run("create configmap denied --as=somebody"),
    run("delete pod missing"),
    run("scale deploy missing --replicas=1"),
    run("label pod missing a=b"),
    run("label cm settings bad=a,b"),
    run("logs missing"),
    run("set image deploy/web web=", {
      name: "patch to no image",
      args: [
        "patch",
        "deploy",
        "web",
        "-p",
        '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":""}]}}}}',
      ],
    }),
    run("patch malformed", {
      args: [
        "patch",
        "cm",
        "settings",
        "--type=json",
        "-p",
        '[{"op":"replace","path":"/data/none","value":"x"}]',
      ],
    }),
    run("patch test fails", {
      args: [
        "patch",
        "cm",
        "settings",
        "--type=json",
        "-p",
        '[{"op":"test","path":"/data/color","value":"x"}]',
      ],
    }),
    run("patch selector", {
      args: [
        "patch",
        "deploy",
        "web",
        "--type=merge",
        "-p",
        '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}',
      ],
    }),
    run("patch cluster ip", {
      args: ["patch", "svc", "web", "--type=merge", "-p", '{"spec":{"clusterIP":"10.96.99.99"}}'],
    }),
    run("patch pod spec", {
      args: ["patch", "pod", "talker", "--type=merge", "-p", '{"spec":{"restartPolicy":"Always"}}'],
    }),
    run("patch wrong type", {
      args: ["patch", "deploy", "web", "--type=merge", "-p", '{"spec":{"replicas":"many"}}'],
    }),
    run("patch unknown field", {
      args: ["patch", "deploy", "web", "--type=merge", "-p", '{"spec":{"replica":1}}'],
    }),
    ...Object.entries(REFUSED).map(([name, input]) => ({
      name: `refused: ${name}`,
      args: ["create", "-f", "-"],
      input,
    })),
    raw(`${core}/pods?limit=1`),
    raw(`${core}/pods?resourceVersion=nonsense`),
    raw(`${core}/pods?watch=1&resourceVersion=1&timeoutSeconds=1`),
    raw(`${core}/pods?resourceVersion=999999999`),
    raw(`${core}/pods?continue=nonsense`),
    raw(`${core}/configmaps/settings/nonsense`),
    raw(`${core}/teapots`),
    raw("/apis/nonsense.meshctl.io"),
    raw("/apis/nonsense.meshctl.io/v1"),
    raw("/apis/apps"),
    raw("/nonsense"),
    raw("/apis/authentication.k8s.io/v1/tokenreviews"),

    ...meshSteps(namespace, image),

    run("delete pod talker"),
    run("delete cm made settings"),
    run("delete svc made exposed headless"),
    run("delete deploy made --cascade=orphan"),
    run("delete pod runner --force --grace-period=0"),
    run("delete kettles --all"),
    run("delete job idle --cascade=foreground"),
    run("delete deploy web --wait=false"),
    run("delete mutatingwebhookconfiguration replay.meshctl.io"),
    run("delete crd kettles.replay.meshctl.io"),
    run(`delete namespace ${namespace}`),
  ];
}
