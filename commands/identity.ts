import { MeshError, toMeshError } from "../src/base/error.ts";
import type { Command } from "../src/cli/command.ts";
import { readTrustDomain } from "../src/collect/controller.ts";
import { openCluster } from "../src/collect/open-cluster.ts";
import { listPods } from "../src/collect/pods.ts";
import { readCertificates } from "../src/collect/read-certificate.ts";
import { renderCertificate } from "../src/views/identity-text.ts";
import { NAMESPACE_FLAG, SELECTOR_FLAG } from "../src/views/live-flags.ts";

export const command: Command = {
  name: "identity",
  summary: "certificates of pods",
  description: "Connects to the pods' proxies and shows the certificates that they present to their clients.",
  arguments: [
    { name: "pod", summary: "names of pods; or none, with --selector", required: false, variadic: true },
  ],
  flags: [NAMESPACE_FLAG, SELECTOR_FLAG],
  examples: [
    { command: "meshctl identity web-5d8f-x2x7k -n demo", does: "one pod" },
    { command: "meshctl identity -l app=web -n demo", does: "every pod with a label" },
  ],
  async run(options, args, context) {
    const { console, globals, signal } = context;
    const labelSelector = options.selector as string | undefined;
    if (args.length === 0 && labelSelector === undefined) {
      throw new MeshError({
        kind: "usage",
        code: "IDENTITY_NO_PODS",
        message: "which pods?",
        hint: "name one or more, or give labels with --selector",
      });
    }
    const kube = await openCluster(context);
    try {
      const namespace = (options.namespace as string | undefined) ?? kube.namespace;
      const listed = await listPods(kube, { namespace, labelSelector, signal });
      const named = args.length === 0 ? listed : listed.filter(({ name }) => args.includes(name));
      const missing = args.filter((name) => !listed.some((pod) => pod.name === name));
      const pods = named.filter(({ meshed }) => meshed);
      if (pods.length === 0) {
        console.stdout.write(
          `no pods with a proxy were found in namespace ${namespace}${missing.length > 0 ? `: there is no ${missing.join(", ")}` : ""}\n`,
        );
        return { exitCode: missing.length > 0 ? 1 : 0 };
      }
      const trustDomain = await readTrustDomain(kube, globals.meshctlNamespace);
      let failed = missing.length > 0;
      for (const [index, pod] of pods.entries()) {
        console.stdout.write(`\nPOD ${pod.name} (${index + 1} of ${pods.length})\n\n`);
        try {
          const certificates = await readCertificates(kube, pod, trustDomain, signal);
          for (const der of certificates) console.stdout.write(renderCertificate(der));
        } catch (error) {
          signal.throwIfAborted();
          // The others may well answer.
          console.stderr.write(`${pod.namespace}/${pod.name}: ${toMeshError(error).message}\n`);
          failed = true;
        }
      }
      for (const name of missing) console.stderr.write(`there is no pod ${name} in namespace ${namespace}\n`);
      return { exitCode: failed ? 1 : 0 };
    } finally {
      kube.close();
    }
  },
};
