/** The report's fixed words: English, and the Chinese beside them when the recipe's language is zh. */
const chinese: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "In short": "概览",
    Variants: "各变体的比较",
    "From raw documents to training text": "数据漏斗：从原始文档到训练文本",
    "How long the documents are": "文档长度",
    "How diverse the text is": "文本的多样性",
    "What was taken out of documents, or changed in them": "从文档中删去或修改的部分",
    "What was removed, and why": "删除了什么，为什么",
    "Input that could not be read": "无法读取的输入",
    Tokens: "词元",
    "How the loss fell": "损失曲线",
    "Learning rate": "学习率",
    Speed: "训练速度",
    "What it wrote while it learned": "训练过程中的样例",
    "What it writes now": "现在的样例",
    "Learning to answer": "对话微调",
    "Questions it was asked": "问答测试",
    "Scores beside published ones": "与已发表模型的比较",
    "Where the time went": "各阶段用时",
    Settings: "设置",
  }),
);

/** A section's heading. One of a plugin's has no Chinese beside it. */
export function title(text: string, language: "en" | "zh"): string {
  const translated = chinese.get(text);
  return language === "zh" && translated !== undefined ? `${translated} · ${text}` : text;
}
