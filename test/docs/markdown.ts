import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Document {
  /** Relative to the project's root. */
  readonly path: string;
  readonly text: string;
}

/** The Markdown files of the project. */
export function documents(): Document[] {
  return ["", "docs", "deploy", "bench", "test", "examples"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: folder !== "" }).map((name) =>
        join(folder, String(name)),
      ),
    )
    .filter((path) => path.endsWith(".md"))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** What fenced blocks of one language hold, in order. */
export function fenced(text: string, language: string): string[] {
  const block = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "gm");
  return [...text.matchAll(block)].map(([, code]) => code);
}

/** Links of a document that stay in the project: the target's path and its heading, if one is named. */
export function localLinks({ path, text }: Document): { target: string; heading?: string }[] {
  const prose = text.replaceAll(/^```[^]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [file, heading] = link.split("#");
      const target = file === "" ? path : join(dirname(path), file);
      return heading === undefined ? { target } : { target, heading };
    });
}

/** The names that headings can be linked by. */
export function anchors(text: string): Set<string> {
  const prose = text.replaceAll(/^```[^]*?^```/gm, "");
  return new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
