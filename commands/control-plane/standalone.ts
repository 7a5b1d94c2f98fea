import { systemClock } from "../../src/base/clock.ts";
import { IDENTITY_PORT } from "../../src/base/names.ts";
import type { CommandContext, CommandResult, FlagSpec, Options } from "../../src/cli/command.ts";
import {
  CERTIFICATE_FLAGS,
  DISCOVERY_PORT_FLAGS,
  FROM_FLAG,
  PROCESS_FLAGS,
  processBasics,
  SETTINGS_FLAGS,
  STATE_FLAG,
  settingsFlags,
} from "./flags.ts";

/** Of `meshctl control-plane --from DIR`. */
export const STANDALONE_FLAGS: readonly FlagSpec[] = [
  FROM_FLAG,
  STATE_FLAG,
  ...PROCESS_FLAGS,
  ...SETTINGS_FLAGS,
  ...CERTIFICATE_FLAGS,
  {
    name: "identity-port",
    type: "number",
    placeholder: "PORT",
    summary: "gRPC port",
    default: IDENTITY_PORT,
  },
  ...DISCOVERY_PORT_FLAGS,
];

/** Serves a directory until it is stopped. */
export async function runFromDirectory(options: Options, context: CommandContext): Promise<CommandResult> {
  const { fromDirectory, openState } = await import("./state.ts");
  const { runStandalone } = await import("../../src/control/standalone/run-standalone.ts");
  const directory = fromDirectory(options, context.cwd);
  await runStandalone({
    ...processBasics(options, context),
    ...settingsFlags(options),
    directory,
    state: await openState(options, directory, context.cwd, systemClock.now()),
    ports: {
      identity: options.identityPort as number,
      destination: options.destinationPort as number,
      policy: options.policyPort as number,
    },
    lifetimeMs: options.issuanceLifetime as number,
    skewMs: options.clockSkew as number,
  });
  return { exitCode: 0 };
}
