import type { Command } from "commander";

/** Flags that say how engines hash a prompt and name its blocks. */
export function keyOptions(command: Command): Command {
  return command
    .option("--hash <name>", "LMCache's hash algorithm (default: builtin, blake3 for lmcache-mp)")
    .option("--chunk-size <n>", "tokens of a chunk (default 256)")
    .option("--page-size <n>", "tokens of a page of HiCache")
    .option("--save-unfull-chunk", "keep a last chunk of fewer tokens")
    .option("--seed <n>", "PYTHONHASHSEED of the engines")
    .option("--release <version>", "LMCache that made the keys: 0.3, 0.4 or 0.4.6 (and later)")
    .option("--python <version>", "Python of the engines (default 3.12)")
    .option("--bigram", "units of two tokens, as HiCache has with EAGLE")
    .option("--extra-key <text>", "what else blocks depend on, such as a LoRA adapter")
    .option("--cache-salt <text>", "salt that keeps tenants apart")
    .option("--model <name>", "model in the keys")
    .option("--dtype <name>", "element type in the key, such as bfloat16")
    .option("--world-size <n>", "ranks (default 1)")
    .option("--worker-id <n>", "rank (default 0)")
    .option("--group <n>", "object group of LMCache MP (default 0)")
    .option("--mla", "HiCache keys that all ranks share");
}

/** Argument and flags that name a chain. */
export function chainOptions(command: Command): Command {
  return keyOptions(
    command
      .argument("[keys...]", "keys of a chain's blocks in their order, instead of --tokens")
      .option("--family <name>", "lmcache, lmcache-mp, hicache or native")
      .option("--tokens <ids>", "token ids: 1,2,3 or @FILE (JSON, commas or white space)"),
  );
}
