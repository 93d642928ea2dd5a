import { residencyVerb } from "../server/residency.ts";

/** One command waits for its values together: so much comes up well within the server's deadline. */
const BATCH_BYTES = 16 * 1024 ** 2;

export const define = residencyVerb({
  name: "warm",
  job: "warm",
  command: "KW.WARM",
  past: "warmed",
  isWanted: (words) => words.length > 0 && !words.includes("ram"),
  limits: { keys: 100, bytes: BATCH_BYTES },
  fillsRam: true,
  examples: ["keepwarm warm --model org/model --dry-run", "keepwarm warm KEY1 KEY2"],
});
