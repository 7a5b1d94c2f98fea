import type { FlagSpec } from "../../src/cli/command.ts";

export const DESTINATION_POD_FLAG: FlagSpec = {
  name: "destination-pod",
  type: "string",
  placeholder: "POD",
  summary: "ask this pod of the controller instead of any",
};

export function tokenFlag(defaultToken: string): FlagSpec {
  return {
    name: "token",
    type: "string",
    placeholder: "TOKEN",
    summary: "in whose name to ask: a proxy's context token",
    ...(defaultToken === "" ? {} : { default: defaultToken }),
  };
}

export const STRUCT_OUTPUT_FLAG: FlagSpec = {
  name: "output",
  short: "o",
  type: "string",
  summary: "format",
  choices: ["yaml", "json"],
  default: "yaml",
};
