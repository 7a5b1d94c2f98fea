import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { MeshError } from "../src/base/error.ts";
import { VERSION } from "../src/base/version.ts";
import type { Command } from "../src/cli/command.ts";
import { visibleCommands } from "../src/cli/command-tree.ts";
import { manName, renderMan } from "../src/cli/doc-man.ts";
import { renderCliMarkdown } from "../src/cli/doc-markdown.ts";
import { registry } from "./registry.ts";

export const command: Command = {
  name: "doc",
  summary: "this program's own documentation: one page, manual pages, or data",
  hidden: true,
  arguments: [
    {
      name: "form",
      summary: "markdown: one page; man: manual pages; yaml: data",
      required: true,
      choices: ["markdown", "man", "yaml"],
    },
    {
      name: "command",
      summary: "man: only of this one, on standard output",
      required: false,
      variadic: true,
    },
  ],
  flags: [
    {
      name: "dir",
      type: "string",
      placeholder: "FOLDER",
      summary: "man: where a file for each command is written",
    },
  ],
  examples: [
    { command: "meshctl doc markdown > docs/cli.md", does: "one page" },
    { command: "meshctl doc man stat | man -l -", does: "read about one command" },
    { command: "meshctl doc man --dir /usr/local/share/man/man1", does: "install manual pages" },
  ],
  async run(options, args, { console, cwd }) {
    const entries = await visibleCommands(registry);
    const [form, ...words] = args;
    if (form === "markdown") console.stdout.write(renderCliMarkdown(entries));
    else if (form === "yaml") {
      const data = entries.map(({ path, command }) => ({
        name: path,
        summary: command.summary,
        description: command.description,
        arguments: command.arguments,
        flags: command.flags.filter((flag) => !flag.hidden),
        examples: command.examples,
      }));
      console.stdout.write(
        stringify(data, { lineWidth: 0, aliasDuplicateObjects: false, keepUndefined: false }),
      );
    } else if (form === "man") {
      const pages = entries.map((entry) => ({
        ...entry,
        text: renderMan(entry, VERSION, related(entry.path)),
      }));
      if (words.length > 0) {
        const page = pages.find(({ path }) => path === words.join(" "));
        if (!page) throw noPage(words.join(" "));
        console.stdout.write(page.text);
      } else if (typeof options.dir === "string") {
        const folder = resolve(cwd, options.dir);
        await mkdir(folder, { recursive: true });
        for (const { path, text } of pages) await writeFile(join(folder, `${manName(path)}.1`), text);
        console.stderr.write(`wrote ${pages.length} pages\n`);
      } else throw noPage(undefined);
    } else throw noForm(form!);
    return { exitCode: 0 };

    /** The commands above and right below. */
    function related(path: string): string[] {
      const above = path.split(" ").slice(0, -1).join(" ");
      return entries
        .map((entry) => entry.path)
        .filter((other) => other === above || other.split(" ").slice(0, -1).join(" ") === path);
    }
  },
};

function noForm(form: string): MeshError {
  return new MeshError({
    kind: "usage",
    code: "DOC_FORM",
    message: `there is no documentation in the form "${form}"`,
    hint: "its forms are markdown, man and yaml",
  });
}

function noPage(path: string | undefined): MeshError {
  return new MeshError({
    kind: "usage",
    code: "DOC_PAGE",
    message: path === undefined ? "which manual page?" : `there is no command "${path}"`,
    hint: "name a command, or a folder for all of them with --dir",
  });
}
