import type { KubeObject } from "../../../base/kube-object.ts";
import type { ResourceInfo } from "../resource-info.ts";
import type { Causes } from "./causes.ts";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035_TEXT =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_TEXT =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** Kinds whose names are one DNS label; RBAC's may hold anything that fits in a path. */
const LABEL_NAMES = new Set(["/namespaces"]);
const PATH_NAMES = "rbac.authorization.k8s.io";

/** Name, labels and annotations of any object. */
export function validateMetadata(resource: ResourceInfo, object: KubeObject, causes: Causes): void {
  const name = object.metadata.name ?? "";
  const field = "metadata.name";
  if (name === "") causes.required(field, "name or generateName is required");
  else if (resource.group === PATH_NAMES) {
    if (name === "." || name === ".." || /[/%]/.test(name))
      causes.invalid(field, name, "may not contain '/' or '%'");
  } else if (resource.bucket === "/services") validateLabel1035(field, name, causes);
  else if (LABEL_NAMES.has(resource.bucket)) validateLabel(field, name, causes);
  else validateSubdomain(field, name, causes);
  validateLabels("metadata.labels", object.metadata.labels, causes);
  for (const key of Object.keys(object.metadata.annotations ?? {})) {
    validateQualified("metadata.annotations", key, causes);
  }
}

export function validateLabels(
  field: string,
  labels: Readonly<Record<string, string>> | undefined,
  causes: Causes,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    validateQualified(field, key, causes);
    if (value.length > 63) causes.invalid(field, value, "must be no more than 63 characters");
    else if (value !== "" && !QUALIFIED.test(value)) causes.invalid(field, value, VALUE_TEXT);
  }
}

function validateQualified(field: string, key: string, causes: Causes): void {
  const slash = key.lastIndexOf("/");
  const name = key.slice(slash + 1);
  if (slash >= 0 && !SUBDOMAIN.test(key.slice(0, slash).toLowerCase())) {
    causes.invalid(field, key, `prefix part ${SUBDOMAIN_TEXT}`);
  }
  if (name.length > 63) causes.invalid(field, key, "name part must be no more than 63 characters");
  else if (!QUALIFIED.test(name)) causes.invalid(field, key, QUALIFIED_TEXT);
}

export function validateLabel(field: string, name: string, causes: Causes): void {
  if (name.length > 63) causes.invalid(field, name, "must be no more than 63 characters");
  else if (!LABEL.test(name)) causes.invalid(field, name, LABEL_TEXT);
}

function validateLabel1035(field: string, name: string, causes: Causes): void {
  if (name.length > 63) causes.invalid(field, name, "must be no more than 63 characters");
  else if (!LABEL_1035.test(name)) causes.invalid(field, name, LABEL_1035_TEXT);
}

function validateSubdomain(field: string, name: string, causes: Causes): void {
  if (name.length > 253) causes.invalid(field, name, "must be no more than 253 characters");
  else if (!SUBDOMAIN.test(name)) causes.invalid(field, name, SUBDOMAIN_TEXT);
}
