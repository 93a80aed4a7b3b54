// Writes math.jsonl and code.jsonl: the same articles and listings through the renderers of the web.
// How to run it and which versions wrote the files: README.md beside this file.
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
const require = createRequire(process.env.NODE_MODULES + "/");
const katex = require("katex");
const temml = require("temml");
const hljs = require("highlight.js");
const Prism = require("prismjs");
require("prismjs/components/index.js")(["python", "rust", "c", "sql", "yaml", "bash", "javascript"]);
const { mathjax } = require("mathjax-full/js/mathjax.js");
const { TeX } = require("mathjax-full/js/input/tex.js");
const { CHTML } = require("mathjax-full/js/output/chtml.js");
const { SVG } = require("mathjax-full/js/output/svg.js");
const { liteAdaptor } = require("mathjax-full/js/adaptors/liteAdaptor.js");
const { RegisterHTMLHandler } = require("mathjax-full/js/handlers/html.js");
const { AssistiveMmlHandler } = require("mathjax-full/js/a11y/assistive-mml.js");
const { AllPackages } = require("mathjax-full/js/input/tex/AllPackages.js");
const { SerializedMmlVisitor } = require("mathjax-full/js/core/MmlTree/SerializedMmlVisitor.js");
const mathjax2 = require("mathjax-node");

const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const quote = (text) => escape(text).replace(/"/g, "&quot;");

function page(title, body) {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${title} | Notebook</title>
<meta property="og:title" content="${title}"></head>
<body><header class="site-header"><a href="/">Notebook</a><nav><ul><li><a href="/">Home</a></li><li><a href="/archive">Archive</a></li><li><a href="/about">About</a></li></ul></nav></header>
<main><article class="post"><h1>${title}</h1>
${body}
</article></main>
<aside class="sidebar"><h3>Recent posts</h3><ul><li><a href="/1">An older post</a></li><li><a href="/2">Another one</a></li></ul></aside>
<footer class="site-footer"><p>Copyright Notebook. <a href="/privacy">Privacy policy</a></p></footer></body></html>`;
}

// ---- formulas ---------------------------------------------------------------------------------
const articles = [
  ["Roots of quadratic equations", String.raw`
A quadratic equation has the form $ax^2+bx+c=0$ with $a\neq 0$, and completing the square shows that its solutions are

$$x_{1,2}=\frac{-b\pm\sqrt{b^2-4ac}}{2a}$$

which are real whenever the discriminant $\Delta=b^2-4ac$ is not negative. By the relations of Vieta the sum of the roots is $x_1+x_2=-\frac{b}{a}$ and their product is $x_1x_2=\frac{c}{a}$, and for polynomials of degree three a similar set of three relations holds between coefficients and roots.

The absolute value is a function that is defined piece by piece, and many students meet it together with the quadratic formula for the first time:

$$|x|=\begin{cases}x & x\ge 0\\ -x & x<0\end{cases}$$

Nested radicals such as $\sqrt[3]{2+\sqrt{5}}+\sqrt[3]{2-\sqrt{5}}=1$ look complicated although they are roots of simple polynomials.`],
  ["The normal distribution and its moments", String.raw`
A random variable with density

$$f(x)=\frac{1}{\sigma\sqrt{2\pi}}\exp\left(-\frac{(x-\mu)^2}{2\sigma^2}\right)$$

is called normal, and we write $X\sim\mathcal{N}(\mu,\sigma^2)$ for it. That the density integrates to one follows from the integral of Gauss,

$$\int_{-\infty}^{\infty}e^{-x^2}\,dx=\sqrt{\pi}$$

whose square is an integral over the plane. The expectation is $\mathbb{E}[X]=\mu$ and the mean of a sample is written $\bar{x}=\frac{1}{n}\sum_{i=1}^{n}x_i$ in most books. For two events with positive probability the rule of Bayes says that

$$P(A\mid B)=\frac{P(B\mid A)P(A)}{P(B)}$$

and in the limit of many trials the binomial law $\binom{n}{k}p^k(1-p)^{n-k}$ approaches the normal one, while for rare events $\lim_{n\to\infty}\left(1+\frac{1}{n}\right)^n=e$ leads to the law of Poisson.`],
  ["Matrices in linear regression", String.raw`
Let the data be collected in a matrix $X\in\mathbb{R}^{n\times p}$ and let the responses be the vector $\mathbf{y}$; the least squares estimate is then

$$\hat{\beta}=(X^\top X)^{-1}X^\top\mathbf{y}$$

if the inverse exists. A rotation of the plane by the angle $\theta$ is given by the matrix

$$R(\theta)=\begin{pmatrix}\cos\theta & -\sin\theta\\ \sin\theta & \cos\theta\end{pmatrix}$$

with determinant $\det R=1$, and its eigenvalues are $\lambda_{\pm}=e^{\pm i\theta}$ as one sees from the characteristic polynomial. The norm is $\|v\|_2=\sqrt{\langle v,v\rangle}$ and the inequality of Cauchy and Schwarz states that $|\langle u,v\rangle|\leq\|u\|\cdot\|v\|$ for all vectors. Expanding the square step by step gives

$$\begin{aligned}\|u+v\|^2&=\|u\|^2+2\langle u,v\rangle+\|v\|^2\\ &\leq(\|u\|+\|v\|)^2\end{aligned}$$

which is the triangle inequality, and gradients are written $\nabla_{\theta}\mathcal{L}(\theta)$ in what follows.`],
  ["Fields, fluxes and series", String.raw`
In a vacuum the equations of Maxwell relate the fields by

$$\nabla\times\vec{B}=\mu_0\varepsilon_0\frac{\partial\vec{E}}{\partial t}$$

and $\nabla\cdot\vec{E}=\frac{\rho}{\varepsilon_0}$ holds wherever there are charges. The flux through a closed surface is $\oint_{\partial V}\vec{E}\cdot d\vec{A}$ by definition. Euler's famous series for the squares,

$$\sum_{k=1}^{\infty}\frac{1}{k^2}=\frac{\pi^2}{6}$$

was found in the year 1735, and its cousin is the product $\zeta(s)=\prod_{p}\frac{1}{1-p^{-s}}$ over all primes. The derivative of a composed function is $(f\circ g)'(x)=f'(g(x))g'(x)$ and sets obey the law $\overline{A\cup B}=\overline{A}\cap\overline{B}$ of De Morgan. With braces one writes

$$\underbrace{1+2+\cdots+n}_{n\text{ terms}}=\frac{n(n+1)}{2}$$

and for every $\epsilon>0$ there is a $\delta>0$ such that $0<|x-a|<\delta\implies|f(x)-L|<\epsilon$ is true.`],
];

// A renderer gives HTML for an inline and for a display formula.
function render(text, inline, display) {
  return text.trim().split(/\n\n/).map((block) => {
    const only = /^\$\$([^]*)\$\$$/.exec(block);
    if (only) return display(only[1]);
    return `<p>${block.split(/\$/).map((part, at) => (at % 2 ? inline(part) : escape(part))).join("")}</p>`;
  }).join("\n");
}
const formulas = (text) => [...text.matchAll(/\$\$([^]*?)\$\$|\$([^$]+)\$/g)]
  .map((match) => ({ latex: match[1] ?? match[2], display: match[1] !== undefined }));

const adaptor = liteAdaptor();
AssistiveMmlHandler(RegisterHTMLHandler(adaptor));
const visitor = new SerializedMmlVisitor();
const documents = {};
function mathjax3(kind, tex, display) {
  const output = { chtml: () => new CHTML({ fontURL: "fonts" }), svg: () => new SVG() }[kind];
  documents[kind] ??= mathjax.document("", { InputJax: new TeX({ packages: AllPackages.filter((name) => name !== "bussproofs") }), OutputJax: output() });
  const node = documents[kind].convert(tex, { display, em: 16, ex: 8, containerWidth: 1280 });
  return adaptor.outerHTML(node);
}
const mml = {};
function mathml3(tex, display) {
  mml.document ??= mathjax.document("", { InputJax: new TeX({ packages: AllPackages.filter((name) => name !== "bussproofs") }) });
  const { STATE } = require("mathjax-full/js/core/MathItem.js");
  return visitor.visitTree(mml.document.convert(tex, { display, end: STATE.CONVERT }));
}
// MathJax 2's own MathML and HTML.
const second = {};
for (const [, text] of articles) {
  for (const { latex, display } of formulas(text)) {
    second[latex] = await new Promise((done) => mathjax2.typeset(
      { math: latex, format: display ? "TeX" : "inline-TeX", html: true, mml: true, svg: false }, done));
  }
}
let frame = 0;
function mathjax2Page(tex, display, rendered) {
  const script = `<script type="math/tex${display ? "; mode=display" : ""}" id="MathJax-Element-${++frame}">${tex}</script>`;
  if (!rendered) return `<span class="MathJax_Preview">${escape(tex)}</span>${script}`;
  const { html, mml } = second[tex];
  const own = `<span id="MathJax-Element-${frame}-Frame" class="mjx-chtml MathJax_CHTML" tabindex="0" style="font-size: 119%; position: relative;" data-mathml="${quote(mml.replace(/\n\s*/g, ""))}" role="presentation">${html.replace(/^<span class="mjx-chtml[^>]*>|<\/span>$/g, "")}<span class="MJX_Assistive_MathML${display ? " MJX_Assistive_MathML_Block" : ""}" role="presentation">${mml}</span></span>`;
  const shown = display ? `<span class="mjx-chtml MJXc-display" style="text-align: center;">${own}</span>` : own;
  return `<span class="MathJax_Preview" style="color: inherit; display: none;"></span>${shown}${script}`;
}
function wikipedia(tex, display) {
  const source = `{\\displaystyle ${tex}}`;
  const inner = second[tex].mml.replace(/\n\s*/g, "").replace(/^<math[^>]*>|<\/math>$/g, "");
  const shape = display ? "display" : "inline";
  const outer = display ? "div" : "span";
  return `<${outer} class="mwe-math-element mwe-math-element-${display ? "block" : "inline"}"><${outer} class="mwe-math-mathml-${shape} mwe-math-mathml-a11y" style="display: none;"><math xmlns="http://www.w3.org/1998/Math/MathML"${display ? ' display="block"' : ""} alttext="${quote(source)}"><semantics><mrow class="MJX-TeXAtom-ORD"><mstyle displaystyle="true" scriptlevel="0">${inner}</mstyle></mrow><annotation encoding="application/x-tex">${escape(source)}</annotation></semantics></math></${outer}><img src="https://wikimedia.org/api/rest_v1/media/math/render/svg/0123456789abcdef" class="mwe-math-fallback-image-${shape} mw-invert skin-invert" aria-hidden="true" style="vertical-align: -0.5ex; width:9ex; height:3ex;" alt="${quote(source)}"></${outer}>`;
}
function latexml(tex, display) {
  const inner = mathml3(tex, display).replace(/\n\s*/g, "").replace(/^<math[^>]*>|<\/math>$/g, "");
  const math = `<math id="S1.m${++frame}" class="ltx_Math" alttext="${display ? "\\displaystyle " : ""}${quote(tex)}" display="${display ? "block" : "inline"}"><semantics>${inner}<annotation-xml encoding="MathML-Content"><apply><eq></eq><ci>x</ci></apply></annotation-xml><annotation encoding="application/x-tex">${escape(tex)}</annotation></semantics></math>`;
  if (!display) return math;
  return `<table id="S1.E${frame}" class="ltx_equation ltx_eqn_table"><tbody><tr class="ltx_equation ltx_eqn_row ltx_align_baseline"><td class="ltx_eqn_cell ltx_eqn_center_padleft"></td><td class="ltx_eqn_cell ltx_align_center">${math}</td><td class="ltx_eqn_cell ltx_eqn_center_padright"></td><td rowspan="1" class="ltx_eqn_cell ltx_eqn_eqno ltx_align_middle ltx_align_right"><span class="ltx_tag ltx_tag_equation ltx_align_right">(${frame})</span></td></tr></tbody></table>`;
}
const prefixed = (markup) => markup.replace(/<(\/?)(m\w*)/g, "<$1mml:$2");
const without = (markup) => markup.replace(/<annotation[^]*?<\/annotation>/g, "");
const block = (html) => `<div class="equation">${html}</div>`;
const image = (tex, display) => `<img src="https://s0.wp.com/latex.php?latex=${encodeURIComponent(tex)}&#038;bg=ffffff&#038;fg=333333&#038;s=0&#038;c=20201002" alt="${quote(tex)}" class="latex" />`;
const codecogs = (tex) => `<img src="https://latex.codecogs.com/png.latex?${encodeURIComponent(tex)}" border="0"/>`;

const ways = {
  "katex": [(t) => katex.renderToString(t), (t) => katex.renderToString(t, { displayMode: true })],
  "katex-mathml": [(t) => katex.renderToString(t, { output: "mathml" }), (t) => block(katex.renderToString(t, { output: "mathml", displayMode: true }))],
  "katex-without-source": [(t) => without(katex.renderToString(t, { output: "mathml" })), (t) => without(katex.renderToString(t, { output: "mathml", displayMode: true }))],
  "temml": [(t) => temml.renderToString(t), (t) => temml.renderToString(t, { displayMode: true })],
  "mathjax3-chtml": [(t) => mathjax3("chtml", t, false), (t) => `<p>${mathjax3("chtml", t, true)}</p>`],
  "mathjax3-svg": [(t) => mathjax3("svg", t, false), (t) => `<p>${mathjax3("svg", t, true)}</p>`],
  "mathml": [(t) => mathml3(t, false), (t) => mathml3(t, true)],
  "mathml-prefixed": [(t) => prefixed(mathml3(t, false)), (t) => `<div class="disp-formula">${prefixed(mathml3(t, true))}</div>`],
  "mathjax2-rendered": [(t) => mathjax2Page(t, false, true), (t) => `<p>${mathjax2Page(t, true, true)}</p>`],
  "mathjax2-scripts": [(t) => mathjax2Page(t, false, false), (t) => mathjax2Page(t, true, false)],
  "mathjax2-mathml": [(t) => second[t].mml, (t) => second[t].mml],
  "kramdown": [(t) => `<script type="math/tex">${t}</script>`, (t) => `<script type="math/tex; mode=display">% <![CDATA[\n${t} %]]></script>`],
  "wikipedia": [(t) => wikipedia(t, false), (t) => wikipedia(t, true)],
  "latexml": [(t) => latexml(t, false), (t) => latexml(t, true)],
  "wordpress": [(t) => image(t, false), (t) => `<p align="center">${image(t, true)}</p>`],
  "codecogs": [codecogs, (t) => `<div align="center">${codecogs(t)}</div>`],
  "pandoc-mathjax": [(t) => `<span class="math inline">\\(${escape(t)}\\)</span>`, (t) => `<p><span class="math display">\\[${escape(t)}\\]</span></p>`],
  "pandoc-katex": [(t) => `<span class="math inline">${escape(t)}</span>`, (t) => `<p><span class="math display">${escape(t)}</span></p>`],
  "sphinx": [(t) => `<span class="math notranslate nohighlight">\\(${escape(t)}\\)</span>`, (t) => `<div class="math notranslate nohighlight">\n\\[${escape(t)}\\]</div>`],
  "stack-exchange": [(t) => `<span class="math-container">$${escape(t)}$</span>`, (t) => `<p><span class="math-container">$$${escape(t)}$$</span></p>`],
  "raw": [(t) => `$${escape(t)}$`, (t) => `<p>$$\n${escape(t)}\n$$</p>`],
  "distill": [(t) => `<d-math>${escape(t)}</d-math>`, (t) => `<d-math block>${escape(t)}</d-math>`],
};
const lines = [];
for (const [way, [inline, display]] of Object.entries(ways)) {
  articles.forEach(([title, text], at) => {
    lines.push({ id: `${way}-${at + 1}`, renderer: way, formulas: formulas(text), html: page(title, render(text, inline, display)) });
  });
}
// Formulas of many kinds without their source, ten a page.
const kinds = String.raw`
\hat{\theta}=\operatorname*{arg\,max}_{\theta}\sum_{i=1}^{n}\log p(x_i\mid\theta)
A\xrightarrow{f}B\xleftarrow{g}C
\iint_{D}f(x,y)\,dx\,dy=\iiint_{V}\rho\,dV
\left\lfloor\frac{n}{2}\right\rfloor+\left\lceil\frac{n}{2}\right\rceil=n
\mathfrak{g}\otimes\mathbb{C}\cong\mathfrak{sl}_2(\mathbb{C})
a\equiv b\pmod{n}
\sum_{\substack{1\leq i\leq n\\ i\neq j}}a_{ij}
\begin{vmatrix}a & b\\ c & d\end{vmatrix}=ad-bc
\begin{bmatrix}1 & 0 & \cdots & 0\\ 0 & 1 & \cdots & 0\\ \vdots & \vdots & \ddots & \vdots\\ 0 & 0 & \cdots & 1\end{bmatrix}
\boxed{E=mc^2}
\overset{\text{def}}{=}\underset{x\to 0}{\lim}
f\colon X\to Y,\quad x\mapsto f(x)
\neg(p\land q)\iff\neg p\lor\neg q
\forall x\in S\;\exists y\notin T:x\subseteq y
\overline{z}=\Re(z)-i\Im(z)
\dot{x}=-\ddot{y}+\tilde{w}
x''+2\zeta\omega_0x'+\omega_0^2x=0
\frac{d}{dx}\left(\int_{0}^{x}f(u)\,du\right)=f(x)
\left.\frac{\partial f}{\partial x}\right|_{x=0}
\sqrt{1+\sqrt{1+\sqrt{1+x}}}
e^{i\pi}+1=0
\lim_{h\to 0}\frac{f(x+h)-f(x)}{h}
\prod_{k=0}^{\infty}\left(1-q^{k+1}\right)^{-1}
\{x\in\mathbb{Z}\mid x^2<10\}
\bigcup_{i\in I}A_i\setminus\bigcap_{i\in I}B_i
\|Ax-b\|_2^2+\lambda\|x\|_1
\mathbf{F}=m\mathbf{a}
p(x)=\begin{cases}\lambda e^{-\lambda x} & \text{if }x\geq 0,\\ 0 & \text{otherwise}\end{cases}
\nabla^2\phi=\frac{1}{c^2}\frac{\partial^2\phi}{\partial t^2}
{}_2F_1(a,b;c;z)
\widehat{ABC}=\overrightarrow{AB}\times\overrightarrow{AC}
\binom{n}{k}=\frac{n!}{k!(n-k)!}
\cos^2\theta+\sin^2\theta=1
\log_2 8=3,\quad\ln e=1
a_{n+1}=a_n+\frac{1}{a_n}
\left[\begin{array}{cc|c}1 & 2 & 3\\ 4 & 5 & 6\end{array}\right]
\Gamma(z)=\int_0^\infty t^{z-1}e^{-t}\,dt
\langle\psi|\hat{H}|\psi\rangle
10^{-3}\times 5.2\,\text{kg}
\underline{x}\leq\overline{x}
\oint_{C}\mathbf{F}\cdot d\mathbf{r}=\iint_{S}(\nabla\times\mathbf{F})\cdot d\mathbf{S}
A^{\mathsf{T}}=A^{-1},\;A^*=A^\dagger
\max_{1\le i\le n}|x_i|
\frac{\sum_{i}w_ix_i}{\sum_{i}w_i}
P(|X-\mu|\geq k\sigma)\leq\frac{1}{k^2}
\aleph_0<2^{\aleph_0}
x\not\in A
f\in\mathcal{O}(n\log n)
\hbar\omega\gg k_BT
\ell^p\hookrightarrow\ell^\infty`.trim().split("\n");
const sourceless = {
  "kinds-katex": (t) => without(katex.renderToString(t, { output: "mathml", displayMode: true })),
  "kinds-temml": (t) => temml.renderToString(t, { displayMode: true }),
  "kinds-mathjax": (t) => mathml3(t, true),
};
for (const [way, show] of Object.entries(sourceless)) {
  for (let first = 0; first < kinds.length; first += 10) {
    const some = kinds.slice(first, first + 10);
    const body = some.map((tex, at) => `<p>Formula number ${at + 1} of this part of the list, which a reader may want to compare with the book, is the following one.</p>\n${show(tex)}`);
    lines.push({ id: `${way}-${first / 10 + 1}`, renderer: way, formulas: some.map((latex) => ({ latex, display: true })), html: page("A list of formulas", body.join("\n")) });
  }
}
writeFileSync("math.jsonl", lines.map((line) => JSON.stringify(line) + "\n").join(""));

// ---- code -------------------------------------------------------------------------------------
const listings = [
  ["python", `def primes(limit):
    """All primes below a limit."""
    sieve = [True] * limit
    for number in range(2, limit):
        if sieve[number]:
            yield number

            for multiple in range(number * number, limit, number):
                sieve[multiple] = False


print(list(primes(30)))`],
  ["rust", `fn longest<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut best: Option<&str> = None;
    for word in words {
        if best.is_none_or(|best| word.len() > best.len()) {
            best = Some(word);
        }
    }
    best
}`],
  ["c", `#include <stdio.h>

int main(void)
{
\tfor (int i = 0; i < 3 && i >= 0; i++) {
\t\tprintf("%d\\n", i);
\t}
\treturn 0;
}`],
  ["sql", `SELECT author,
       count(*) AS pages
FROM   documents
WHERE  language = 'en'
  AND  words >= 50
GROUP  BY author;`],
  ["yaml", `services:
  web:
    image: "nginx:1.27"
    ports:
      - "8080:80"
  worker:
    command: ["run", "--all"]`],
];
const prose = [
  "The first listing shows how little code is needed once the right structure has been chosen; it is meant to be read from top to bottom.",
  "What follows does the same kind of work in another language, and the reader may compare how both of them treat the case of empty input.",
  "In the last step the result is put together, and the program can be run as it stands without any further settings or libraries.",
];
const pygments = (code, language, options) => execFileSync(process.env.PYGMENTIZE,
  ["-f", "html", "-l", language, "-O", options], { input: code }).toString();
const tokens = (code, language) => hljs.highlight(code, { language }).value;
const prism = (code, language) => Prism.highlight(code, Prism.languages[language], language);
// Markup of one line each: a span that is open at a line's end is closed and opened again.
function perLine(html) {
  const open = [];
  return html.split("\n").map((line) => {
    const before = open.join("");
    for (const tag of line.match(/<[^>]+>/g) ?? []) tag.startsWith("</") ? open.pop() : open.push(tag);
    return before + line + "</span>".repeat(open.length);
  });
}
const numbers = (lines, one) => lines.map((_, at) => one(at + 1));
const shiki = await import(require.resolve("shiki"));
const shikis = {};
for (const [language, code] of listings) shikis[language] = await shiki.codeToHtml(code, { lang: language, theme: "github-light" });

const highlighters = {
  "plain": (c) => `<pre><code>${escape(c)}\n</code></pre>`,
  "highlight.js": (c, l) => `<pre><code class="hljs language-${l}">${tokens(c, l)}</code></pre>`,
  "highlight.js-line-numbers": (c, l) => `<pre><code class="hljs ${l}"><table class="hljs-ln"><tbody>${perLine(tokens(c, l)).map((line, at) => `<tr><td class="hljs-ln-line hljs-ln-numbers" data-line-number="${at + 1}"><div class="hljs-ln-n" data-line-number="${at + 1}"></div></td><td class="hljs-ln-line hljs-ln-code" data-line-number="${at + 1}">${line}</td></tr>`).join("")}</tbody></table></code></pre>`,
  "prism": (c, l) => `<pre class="language-${l}" tabindex="0"><code class="language-${l}">${prism(c, l)}</code></pre>`,
  "prism-line-numbers": (c, l) => `<div class="code-toolbar"><pre class="line-numbers language-${l}" tabindex="0"><code class="language-${l}">${prism(c, l)}<span aria-hidden="true" class="line-numbers-rows">${"<span></span>".repeat(c.split("\n").length)}</span></code></pre><div class="toolbar"><div class="toolbar-item"><span>${l.toUpperCase()}</span></div><div class="toolbar-item"><button class="copy-to-clipboard-button" type="button"><span>Copy</span></button></div></div></div>`,
  "docusaurus": (c, l) => `<div class="language-${l} codeBlockContainer theme-code-block"><div class="codeBlockContent"><pre tabindex="0" class="prism-code language-${l} codeBlock thin-scrollbar"><code class="codeBlockLines">${perLine(prism(c, l)).map((line) => `<span class="token-line" style="color:#393A34"><span class="token plain" style="display:${line ? "inline" : "inline-block"}">${line}</span><br></span>`).join("")}</code></pre><div class="buttonGroup"><button type="button" aria-label="Copy code to clipboard" class="clean-btn"><span class="copyButtonIcons" aria-hidden="true"><svg viewBox="0 0 24 24"><path d="M1"></path></svg></span></button></div></div></div>`,
  "shiki": (c, l) => shikis[l],
  "pygments": (c, l) => pygments(c, l, "cssclass=highlight"),
  "pygments-table": (c, l) => pygments(c, l, "linenos=table"),
  "pygments-inline": (c, l) => pygments(c, l, "linenos=inline"),
  "rouge": (c, l) => `<div class="language-${l} highlighter-rouge"><div class="highlight"><pre class="highlight"><code><table class="rouge-table"><tbody><tr><td class="gutter gl"><pre class="lineno">${numbers(c.split("\n"), (n) => n + "\n").join("")}</pre></td><td class="code"><pre>${tokens(c, l)}\n</pre></td></tr></tbody></table></code></pre></div></div>`,
  "chroma-table": (c, l) => `<div class="highlight"><div class="chroma">\n<table class="lntable"><tr><td class="lntd">\n<pre tabindex="0" class="chroma"><code>${numbers(c.split("\n"), (n) => `<span class="lnt">${n}\n</span>`).join("")}</code></pre></td>\n<td class="lntd">\n<pre tabindex="0" class="chroma"><code class="language-${l}" data-lang="${l}">${perLine(tokens(c, l)).map((line) => `<span class="line"><span class="cl">${line}\n</span></span>`).join("")}</code></pre></td></tr></table>\n</div>\n</div>`,
  "chroma-inline": (c, l) => `<div class="highlight"><pre tabindex="0" style="color:#272822;"><code class="language-${l}" data-lang="${l}">${perLine(tokens(c, l)).map((line, at) => `<span style="display:flex;"><span style="white-space:pre;-webkit-user-select:none;user-select:none;margin-right:0.4em;padding:0 0.4em;color:#7f7f7f">${at + 1}</span><span>${line}\n</span></span>`).join("")}</code></pre></div>`,
  "gist": (c, l) => `<div class="gist"><div class="gist-file"><div class="gist-data"><div class="js-gist-file-update-container js-task-list-container"><div class="file"><div itemprop="text" class="Box-body p-0 blob-wrapper data type-${l}"><div class="js-check-hidden-unicode js-blob-code-container blob-code-content"><table data-hpc class="highlight tab-size js-file-line-container" data-tab-size="8">\n${perLine(tokens(c, l)).map((line, at) => `        <tr>\n          <td id="file-L${at + 1}" class="blob-num js-line-number js-blob-rnum" data-line-number="${at + 1}"></td>\n          <td id="file-LC${at + 1}" class="blob-code blob-code-inner js-file-line">${line}</td>\n        </tr>\n`).join("")}  </table>\n</div></div></div></div></div><div class="gist-meta"><a href="/raw">view raw</a> hosted with ❤</div></div></div>`,
  "github": (c, l) => `<div class="highlight highlight-source-${l} notranslate position-relative overflow-auto" dir="auto"><pre>${tokens(c, l)}</pre><div class="zeroclipboard-container"><clipboard-copy aria-label="Copy" class="ClipboardButton btn"><svg><path d="M0"></path></svg></clipboard-copy></div></div>`,
  "syntaxhighlighter": (c, l) => `<div><div id="highlighter_1" class="syntaxhighlighter ${l}"><table border="0" cellpadding="0" cellspacing="0"><tbody><tr><td class="gutter">${numbers(c.split("\n"), (n) => `<div class="line number${n} index${n - 1} alt${n % 2 + 1}">${n}</div>`).join("")}</td><td class="code"><div class="container">${c.split("\n").map((line, at) => { const [, blank, rest] = /^(\s*)(.*)$/.exec(line); return `<div class="line number${at + 1} index${at} alt${at % 2 + 1}">${line ? (blank ? `<code class="${l} spaces">${blank.replace(/ /g, "&nbsp;")}</code>` : "") + `<code class="${l} plain">${escape(rest)}</code>` : "&nbsp;"}</div>`; }).join("")}</div></td></tr></tbody></table></div></div>`,
  "crayon": (c, l) => `<div id="crayon-1" class="crayon-syntax crayon-theme-classic"><div class="crayon-toolbar"><span class="crayon-title"></span><div class="crayon-tools"><span class="crayon-language">${l}</span></div></div><div class="crayon-main"><table class="crayon-table"><tr class="crayon-row"><td class="crayon-nums " data-settings="show"><div class="crayon-nums-content">${numbers(c.split("\n"), (n) => `<div class="crayon-num" data-line="crayon-1-${n}">${n}</div>`).join("")}</div></td><td class="crayon-code"><div class="crayon-pre">${c.split("\n").map((line, at) => `<div class="crayon-line" id="crayon-1-${at + 1}">${line ? escape(line).replace(/^( *)(\w+)/, (_, blank, word) => blank.replace(/ /g, "&nbsp;") + `<span class="crayon-v">${word}</span>`).replace(/^ +/, (b) => b.replace(/ /g, "&nbsp;")) : "&nbsp;"}</div>`).join("")}</div></td></tr></table></div></div>`,
  "prettify": (c, l) => `<pre class="prettyprint linenums prettyprinted"><ol class="linenums">${perLine(tokens(c, l)).map((line, at) => `<li class="L${at % 10}">${line ? `<span class="pln">${line}</span>` : '<span class="pln"> </span>'}</li>`).join("")}</ol></pre>`,
  "blogger": (c) => `<code>${escape(c).replace(/\t/g, "    ").replace(/^ +/gm, (b) => b.replace(/ /g, "&nbsp;")).replace(/\n/g, "<br />\n")}</code>`,
  "notebook": (c, l) => `<div class="jp-Cell jp-CodeCell jp-Notebook-cell"><div class="jp-Cell-inputWrapper"><div class="jp-InputArea jp-Cell-inputArea"><div class="jp-InputPrompt jp-InputArea-prompt">In&nbsp;[1]:</div><div class="jp-CodeMirrorEditor jp-Editor jp-InputArea-editor" data-type="inline"><div class="CodeMirror cm-s-jupyter">${pygments(c, l, "cssclass=highlight hl-ipython3")}</div></div></div></div></div>`,
  "mediawiki": (c, l) => `<div class="mw-highlight mw-highlight-lang-${l} mw-content-ltr mw-highlight-lines" dir="ltr"><pre><span></span>${perLine(tokens(c, l)).map((line, at) => `<span class="linenos" data-line="${at + 1}"></span>${line}\n`).join("")}</pre></div>`,
  "stack-overflow": (c, l) => `<pre class="lang-${l} s-code-block"><code class="hljs language-${l}" data-highlighted="yes">${tokens(c, l)}\n</code></pre>`,
  "react": (c, l) => `<div><pre style="display:block;overflow-x:auto;padding:0.5em"><code class="language-${l}" style="white-space:pre">${perLine(tokens(c, l)).map((line, at) => `<span><span class="linenumber react-syntax-highlighter-line-number" style="display:inline-block;min-width:2.25em;user-select:none">${at + 1}</span>${line}\n</span>`).join("")}</code></pre></div>`,
};
const code = [];
for (const [name, highlight] of Object.entries(highlighters)) {
  for (let first = 0; first < 2; first++) {
    const chosen = [0, 2, 4].map((step) => listings[(first + step) % listings.length]);
    const body = chosen.map(([language, source], at) => `<p>${prose[at]}</p>\n${highlight(source, language)}`).join("\n");
    const shown = name === "blogger" ? (text) => text.replace(/\t/g, "    ") : (text) => text;
    code.push({ id: `${name}-${first + 1}`, renderer: name, blocks: chosen.map(([, source]) => shown(source)), html: page("Short programs compared", body + `<p>Whoever wants to go on from here finds all of the programs in the archive of this site.</p>`) });
  }
}
writeFileSync("code.jsonl", code.map((line) => JSON.stringify(line) + "\n").join(""));
