import { z } from "zod";

const lists = z.record(z.string().min(1), z.array(z.string().min(1)).min(1));

const GROUPS = {
  women: ["woman", "women", "girl", "she", "her", "female", "mother", "女人", "女性", "女孩", "妇女", "她"],
  men: ["man", "men", "boy", "he", "his", "male", "father", "男人", "男性", "男孩", "他"],
};
const ATTRIBUTES = {
  career: [
    "career",
    "salary",
    "office",
    "business",
    "professional",
    "executive",
    "engineer",
    "scientist",
    "事业",
    "职业",
    "工资",
    "工程师",
    "科学家",
  ],
  family: [
    "home",
    "family",
    "children",
    "kitchen",
    "marriage",
    "wedding",
    "cooking",
    "家庭",
    "孩子",
    "厨房",
    "婚姻",
    "做饭",
  ],
  negative: [
    "stupid",
    "lazy",
    "dirty",
    "criminal",
    "evil",
    "inferior",
    "hysterical",
    "愚蠢",
    "懒惰",
    "肮脏",
    "罪犯",
    "低等",
  ],
}; // prettier-ignore

/** The recipe's `bias` section: which group terms stand with which attribute words, and what is done about it. */
export const biasSettings = z.strictObject({
  groups: lists.default(GROUPS).describe("groups that are compared, each with its terms; in lower case"),
  attributes: lists.default(ATTRIBUTES).describe("kinds of attribute words"),
  action: z
    .enum(["report", "remove", "balance"])
    .default("report")
    .describe("measure only; drop documents with an association over the bound; or drop so many that it falls to it"),
  max_log_odds: z
    .number()
    .min(0)
    .default(1)
    .describe("largest log-odds of a group with an attribute, beside the other groups"),
  min_z: z.number().min(0).default(2.58).describe("associations less certain than this are left alone (2.58: 99 %)"),
  min_count: z.int().min(1).default(20).describe("and those seen in fewer sentences"),
});

export type BiasSettings = z.output<typeof biasSettings>;
