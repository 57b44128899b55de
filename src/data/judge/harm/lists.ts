import type { HarmLanguage } from "./settings.ts";

// Modest lists, made to be extended by the user's files. Weight 1: coarse or a sign; 2: explicit or abusive; 3: hardly
// ever said but to harm. Words with an ordinary sense of their own ("cock", "ass" the animal) are left out or weigh 1.
const EN: Readonly<Record<1 | 2 | 3, string>> = {
  1: "damn crap bastard bastards slut sluts whore whores pussy dick dicks piss pissed porn porno erotic nude nudes naked horny orgy casino jackpot viagra cialis escorts stripper strippers fetish",
  2: "fuck fucks fucked fucker fuckers fucking motherfucker motherfuckers shit shits shitty bullshit asshole assholes bitch bitches cunt cunts cocksucker cocksuckers dickhead blowjob blowjobs handjob cumshot cumshots gangbang hentai milf milfs xxx pornhub creampie deepthroat dildo dildos faggots wanker wankers twat tits titties boobs cum",
  3: "nigger niggers faggot kike kikes spic spics chink chinks gook gooks wetback wetbacks tranny trannies retards raghead ragheads jailbait lolicon",
};
const ZH: Readonly<Record<1 | 2 | 3, string>> = {
  1: "赌场 博彩 彩金 老虎机 裸聊 色情 情色 一夜情 激情视频 美女直播 上门服务 包小姐 小姐服务 代开发票 办证 六合彩 百家乐 时时彩 滚蛋 混蛋 王八蛋 他妈的 贱人 变态 垃圾人",
  2: "操你妈 草泥马 傻逼 傻屄 煞笔 妈逼 你妈逼 装逼 婊子 臭婊子 狗日的 去死吧 成人电影 成人视频 黄色网站 约炮 援交 卖淫 嫖娼 肏 鸡巴 骚货 荡妇 淫荡 做爱视频 无码 口交 性交易 迷奸 春药 迷魂药 冰毒出售 枪支出售",
  3: "支那猪 黑鬼 幼女视频 幼交 强奸视频 迷奸药 杀光他们 萝莉资源",
};
const ES = {
  1: "mierda puta putas cabron pendejo",
  2: "joder gilipollas hijoputa chingar coño follar maricon zorras",
  3: "sudaca sudacas",
};
const FR = {
  1: "merde putain salope salopes con connard bite chatte",
  2: "enculé encule niquer pute putes connasse nique",
  3: "bougnoule bougnoules youpin négros",
};
const DE = {
  1: "scheiße scheisse arsch mist",
  2: "arschloch fotze ficken wichser hure huren nutte schlampe hurensohn",
  3: "kanake kanaken untermensch untermenschen",
};

/** A listed term. */
export interface HarmTerm {
  readonly weight: number;
  /** It counts in texts of these languages, and in texts whose language is not known; undefined: in all. */
  readonly languages?: readonly string[];
}

/** English words that pages of all languages know, but for ordinary words of one of them (Latin's and Romanian's cum). */
const INTERNATIONAL_WEIGHT = 2;
const NOT_INTERNATIONAL: ReadonlySet<string> = new Set(["cum", "tits", "spic", "spics"]);

/** Terms that are also names, where they begin with a capital: Dick, Kike. */
export const NAMES: ReadonlySet<string> = new Set(["dick", "dicks", "kike", "con"]);

/** The built-in terms of a language. Chinese ones need no language: their characters are it. */
export function builtInTerms(language: HarmLanguage): Map<string, HarmTerm> {
  const lists = { en: EN, zh: ZH, es: ES, fr: FR, de: DE }[language];
  const terms = new Map<string, HarmTerm>();
  for (const [key, words] of Object.entries(lists)) {
    const weight = Number(key);
    for (const word of words.split(" ")) {
      const everywhere =
        language === "zh" || (language === "en" && weight >= INTERNATIONAL_WEIGHT && !NOT_INTERNATIONAL.has(word));
      terms.set(word, everywhere ? { weight } : { weight, languages: [language] });
    }
  }
  return terms;
}

/** Words in whose company a term is more likely spoken about than said. */
export const CONTEXT_WORDS: ReadonlySet<string> = new Set(
  (
    "patient patients clinical medical medicine doctor doctors hospital disease syndrome therapy treatment symptoms diagnosis cancer infection surgery " +
    "court judge police convicted charged arrested trial law lawsuit statute legislation crime victim victims sentenced prosecutors offence offense " +
    "reported reporters according journalist newspaper study studies researchers research percent survey university published journal historian history etymology " +
    "dictionary slang derogatory offensive slur term pejorative linguist prevention awareness education charity survivors censorship sexual-health"
  ).split(" "),
);
export const CONTEXT_CHINESE: readonly string[] =
  "患者 临床 医院 医生 治疗 症状 诊断 疾病 警方 公安 法院 判决 逮捕 嫌疑人 犯罪 受害人 刑法 条例 打击 查处 据报道 记者 新闻 研究 调查 教育 预防 学者 历史 词语 贬义 检察".split(
    " ",
  );
