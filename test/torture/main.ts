// Failures in earnest, with real processes: `npm run torture -- ssd` or `npm run torture -- valkey`.
const parts: Readonly<Record<string, () => Promise<unknown>>> = {
  ssd: () => import("./ssd.ts"),
  valkey: () => import("./valkey/main.ts"),
};

const part = process.argv[2] ?? "";
if (Object.hasOwn(parts, part)) await parts[part]();
else {
  console.log(`npm run torture -- ${Object.keys(parts).join("|")} [options]; --help tells which`);
  process.exitCode = part === "--help" ? 0 : 2;
}
