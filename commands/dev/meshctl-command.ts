/** The program and arguments that are this very build: what meshctl's image runs in a local cluster. */
export function meshctlCommand(): readonly string[] {
  return [process.execPath, process.argv[1]!];
}
