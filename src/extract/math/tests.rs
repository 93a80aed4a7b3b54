use super::*;
use crate::extract::render::tests::text;

fn latex(inner: &str) -> String {
    let page = dom::parse(&format!("<math>{inner}</math>"), dom::Budget::default());
    let node = page.find(NodeId::DOCUMENT, Tag::Math).unwrap();
    match at(&page, node, &mut Budget::default()) {
        Found::Formula(formula) => formula.latex,
        other => format!("{other:?}"),
    }
}

#[test]
fn presentation_becomes_latex() {
    let cases = [
        (
            "<mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac>",
            "\\frac{a}{b + 1}",
        ),
        ("<msup><mi>x</mi><mn>2</mn></msup><msub><mi>α</mi><mi>i</mi></msub>", "x^2\\alpha_i"),
        ("<msubsup><mo>∫</mo><mn>0</mn><mi>∞</mi></msubsup><mi>x</mi>", "\\int_0^{\\infty}x"),
        (
            "<munder><mi>lim</mi><mrow><mi>n</mi><mo>→</mo><mi>∞</mi></mrow></munder>",
            "\\lim_{n \\to \\infty}",
        ),
        (
            "<mover><mi>x</mi><mo>¯</mo></mover><mover><mi>v</mi><mo>→</mo></mover>",
            "\\bar{x}\\vec{v}",
        ),
        ("<msqrt><mi>x</mi></msqrt><mroot><mi>x</mi><mn>3</mn></mroot>", "\\sqrt{x}\\sqrt[3]{x}"),
        ("<mo>-</mo><mi>x</mi><mo>−</mo><mo>-</mo><mn>1</mn>", "-x - -1"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi>", "\\sin x"),
        ("<mi>rank</mi><mo>&#x2061;</mo><mi>A</mi>", "\\operatorname{rank}A"),
        ("<mtext>if&nbsp;50% </mtext>", "\\text{if 50\\%}"),
        ("<mi mathvariant='bold'>v</mi><mi>ℝ</mi><mi>𝒜</mi>", "\\mathbf{v}\\mathbb{R}\\mathcal{A}"),
        ("<mfenced open='[' close=')'><mi>a</mi><mi>b</mi></mfenced>", "\\left[a, b\\right)"),
        (
            "<mfenced><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr></mtable></mfenced>",
            "\\begin{pmatrix} 1 & 0 \\end{pmatrix}",
        ),
        (
            "<mrow><mo>{</mo><mtable><mtr><mtd><mi>a</mi></mtd></mtr><mtr><mtd><mi>b</mi></mtd></mtr></mtable></mrow>",
            "\\begin{cases} a \\\\ b \\end{cases}",
        ),
        (
            "<mrow><mo>(</mo><mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></mrow>",
            "\\binom{n}{k}",
        ),
        (
            "<mmultiscripts><mi>X</mi><mi>a</mi><mi>b</mi><mprescripts/><mi>c</mi><none/></mmultiscripts>",
            "{}_cX_a^b",
        ),
        ("<msup><mi>f</mi><mo>′</mo></msup>", "f'"),
        ("<msup><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></msup>", "{a + b}^2"),
        ("<munder><munder><mi>x</mi><mo>⏟</mo></munder><mi>n</mi></munder>", "\\underbrace{x}_n"),
        (
            "<mover><mo>→</mo><mi>f</mi></mover><mover><mo>=</mo><mi>d</mi></mover>",
            "\\xrightarrow{f} \\overset{d}{=}",
        ),
        (
            "<menclose notation='box'><mi>x</mi></menclose><mphantom><mi>y</mi></mphantom>",
            "\\boxed{x}\\phantom{y}",
        ),
        ("<mn>1</mn><mspace width='1em'/><mn>2</mn>", "1\\quad2"),
    ];
    for (markup, expected) in cases {
        assert_eq!(latex(markup), expected, "{markup}");
    }
}

#[test]
fn a_source_comes_before_what_it_looks_like() {
    assert_eq!(
        latex(
            "<semantics><mi>y</mi><annotation encoding='application/x-tex'>{\\displaystyle x}</annotation></semantics>"
        ),
        "x"
    );
    assert_eq!(text("<math alttext='x^2'><mi>y</mi></math>"), "$x^2$");
    assert_eq!(text("<math alttext='the number y'><mi>y</mi></math>"), "$y$");
}

#[test]
fn renderers_leave_one_copy() {
    let katex = "Let <span class=katex><span class=katex-mathml><math><semantics><mi>x</mi><annotation encoding='application/x-tex'>x+1</annotation></semantics></math></span><span class=katex-html aria-hidden=true>x+1</span></span> be";
    assert_eq!(text(katex), "Let $x+1$ be");
    let display = "a<span class=katex-display><span class=katex><math display=block><semantics><mi>x</mi><annotation encoding='application/x-tex'>x</annotation></semantics></math></span></span>b";
    assert_eq!(text(display), "a\n$$x$$\nb");
    let second = "a <span class=MathJax_Preview>x</span><span class=MathJax><nobr>x</nobr></span><script type='math/tex'>x^2</script>, b";
    assert_eq!(text(second), "a $x^2$, b");
    assert_eq!(text("x<script type='math/tex; mode=display'>\na\n</script>"), "x\n$$a$$");
    let third = "<mjx-container display=true><mjx-math></mjx-math><mjx-assistive-mml><math><mi>x</mi></math></mjx-assistive-mml></mjx-container>";
    assert_eq!(text(third), "$$x$$");
    let saved = "a <span class=MathJax data-mathml='<math><mi>x</mi></math>'><nobr>x</nobr></span>";
    assert_eq!(text(saved), "a $x$");
    let wikipedia = "<span class=mwe-math-element><span style='display:none'><math alttext='{\\displaystyle x}'></math></span><img class=mwe-math-fallback-image-inline alt='{\\displaystyle x}'></span>";
    assert_eq!(text(wikipedia), "$x$");
    assert_eq!(
        text("<mml:math><mml:mi>x</mml:mi><mml:mo>=</mml:mo><mml:mn>1</mml:mn></mml:math>"),
        "$x = 1$"
    );
}

#[test]
fn pictures_with_a_source() {
    assert_eq!(text("a <img class=latex alt='x^2'> b"), "a $x^2$ b");
    assert_eq!(text("<p><img class=latex alt='x^2'></p>b"), "$$x^2$$\n\nb");
    assert_eq!(
        text("a <img src='https://latex.codecogs.com/svg.image?%5Cdpi%7B300%7Dx%5E2+1&x=y'>"),
        "a $x^2 1$"
    );
    assert_eq!(text("a <img src='/x.png' alt='x^2'> b"), "a b");
    assert_eq!(text("a <img eeimg=1 alt='x^2' src='x'> b"), "a $x^2$ b");
}

#[test]
fn formulas_in_the_text_are_text() {
    let page = "<p>Let $a_1 &lt; b$ and \\(c\\\\d\\)</p><p>\\[\n x \\]</p><span class='math inline'>\\(y\\)</span>";
    assert_eq!(text(page), "Let $a_1 < b$ and \\(c\\\\d\\)\n\n\\[ x \\]\n\n\\(y\\)");
    assert_eq!(text("a <span class='math inline'>x_1</span>"), "a $x_1$");
}

#[test]
fn budgets_end_the_work() {
    let page =
        dom::parse(&format!("<math>{}</math>", "<mi>x</mi>".repeat(100)), dom::Budget::default());
    let node = page.find(NodeId::DOCUMENT, Tag::Math).unwrap();
    let mut budget = Budget { nodes: 10, ..Budget::default() };
    let Found::Formula(formula) = at(&page, node, &mut budget) else { panic!("no formula") };
    assert_eq!(formula.latex.len(), 10);
    assert_eq!(latex(&format!("{}<mi>x</mi>", "<msqrt>".repeat(400))).matches("sqrt").count(), 64);
}
