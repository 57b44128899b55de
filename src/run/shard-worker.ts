/** A thread of the shard pool. Errors go back as data, because an error loses its class on the way. */
import { NuwaError } from "../text/index.ts";
import { workOnShard, type ShardTask } from "./shard-work.ts";
import type { ShardInfo } from "./shards.ts";

export type ShardAnswer =
  | { readonly info: ShardInfo }
  | {
      readonly error: { code: NuwaError["code"]; message: string; hint: string | undefined; where: string | undefined };
    };

export default async function work(task: ShardTask): Promise<ShardAnswer> {
  try {
    return { info: await workOnShard(task) };
  } catch (error) {
    if (!(error instanceof NuwaError)) throw error;
    const { code, message, hint, where } = error;
    return { error: { code, message, hint, where } };
  }
}
