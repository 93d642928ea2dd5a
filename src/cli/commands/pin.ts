import { residencyVerb } from "../server/residency.ts";

export const define = residencyVerb({
  name: "pin",
  command: "KW.PIN",
  past: "pinned",
  isWanted: (words) => words.length > 0 && !words.includes("pinned"),
  limits: { keys: 500 },
  examples: ["keepwarm pin --match '*system-prompt*' --dry-run", "keepwarm pin KEY1 KEY2"],
});
