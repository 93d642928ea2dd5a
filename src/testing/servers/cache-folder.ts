export { testCacheFolder } from "../../util/cache-folder.ts";
