// Asks a saved model multiple-choice questions, by the probability it gives each answer, and measures how many bits it
// needs for each byte of a text.
//   node examples/tiny-gpt.mjs && node examples/score.mjs [FOLDER]
import { LocalLanguageModel, meanScore, perplexityScore, scoreItem } from "nuwa/eval";
import { loadModel } from "nuwa/models";
import { createDevice, nativeAvailable } from "nuwa/tensor";
import { loadTokenizer } from "nuwa/tokenizer";

const folder = process.argv[2] ?? "runs/example-gpt";
const device = createDevice(nativeAvailable().available ? "cpu" : "reference");
const model = new LocalLanguageModel(
  await loadModel(folder, device, { trainable: false }),
  await loadTokenizer(folder),
  { name: folder },
);

// In the words of the text that it was trained on; `gold` is the right one.
const questions = [
  {
    question: "Then the goddess melted",
    choices: [" stones of five colours", " the great turtle", " the waters"],
    gold: 0,
  },
  { question: "The pillars of the sky", choices: [" dried", " were broken", " burned"], gold: 1 },
  { question: "Fire burned without", choices: [" rest", " peace", " end"], gold: 2 },
];
const right = [];
for (const { question, choices, gold } of questions) {
  const scores = await model.scoreContinuations(choices.map((choice) => ({ context: question, continuation: choice })));
  const logLikelihoods = scores.map(({ logLikelihood }) => logLikelihood);
  const { acc } = scoreItem({ choices, gold: [gold] }, logLikelihoods);
  right.push(acc);
  console.log(`${question}…`);
  for (const [i, choice] of choices.entries()) {
    console.log(`  ${i === gold ? "✓" : " "} ln p = ${logLikelihoods[i]?.toFixed(2).padStart(7)} ${choice}`);
  }
}
console.log(`accuracy ${meanScore(right).value.toFixed(2)} of ${right.length} questions`);

for (const text of ["The sky was mended, the corners stood straight.", "Quarterly earnings rose by seven per cent."]) {
  const { logLikelihood, tokens } = await model.scoreText(text);
  console.log(`${perplexityScore(logLikelihood, tokens, [text]).bits_per_byte.toFixed(2)} bits a byte: ${text}`);
}
