import type { KubeObject } from "../../../base/kube-object.ts";
import type { Causes } from "./causes.ts";

const TIMEOUT_SECONDS_MAX = 30;

/** Webhook configurations: one way to reach each, and nothing with side effects. */
export function validateWebhooks(configuration: KubeObject, causes: Causes): void {
  const names = new Set<string>();
  ((configuration.webhooks ?? []) as KubeObject[]).forEach((webhook, index) => {
    const path = `webhooks[${index}]`;
    const name = String(webhook.name ?? "");
    if (name.split(".").length < 3) {
      causes.invalid(
        `${path}.name`,
        name,
        "should be a domain with at least three segments separated by dots",
      );
    }
    if (names.has(name)) causes.duplicate(`${path}.name`, name);
    names.add(name);
    const { service, url } = webhook.clientConfig ?? {};
    if ((service === undefined) === (url === undefined)) {
      causes.required(`${path}.clientConfig`, "exactly one of url or service is required");
    }
    if (url !== undefined && !String(url).startsWith("https://")) {
      causes.invalid(`${path}.clientConfig.url`, url, "'https' is the only allowed URL scheme");
    }
    const effects = ["None", "NoneOnDryRun"];
    if (webhook.sideEffects !== undefined && !effects.includes(webhook.sideEffects)) {
      causes.unsupported(`${path}.sideEffects`, webhook.sideEffects, effects);
    }
    const policies = ["Fail", "Ignore"];
    if (!policies.includes(webhook.failurePolicy)) {
      causes.unsupported(`${path}.failurePolicy`, webhook.failurePolicy, policies);
    }
    const seconds = webhook.timeoutSeconds;
    if (seconds < 1 || seconds > TIMEOUT_SECONDS_MAX) {
      causes.invalid(`${path}.timeoutSeconds`, seconds, "the timeout value must be between 1 and 30 seconds");
    }
  });
}
