import { residencyVerb } from "../server/residency.ts";

/** What KW.WHERE says beside the tiers below RAM. */
const OTHER_WORDS = new Set(["ram", "pinned"]);

export const define = residencyVerb({
  name: "demote",
  job: "demote",
  command: "KW.DEMOTE",
  past: "demoted",
  isWanted: (words) => words.includes("ram") && words.some((word) => !OTHER_WORDS.has(word)),
  limits: { keys: 500 },
  examples: ["keepwarm demote --idle 1h --dry-run", "keepwarm demote --prefix 'vllm@org/model@'"],
});
