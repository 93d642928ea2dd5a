import { residencyVerb } from "../server/residency.ts";

export const define = residencyVerb({
  name: "unpin",
  command: "KW.UNPIN",
  past: "unpinned",
  isWanted: (words) => words.includes("pinned"),
  limits: { keys: 500 },
  examples: ["keepwarm unpin --match '*' --dry-run", "keepwarm unpin KEY1 KEY2"],
});
