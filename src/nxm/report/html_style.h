// SPDX-License-Identifier: Apache-2.0
#pragma once
// The style of html.h's pages and figures. Colours after Okabe and Ito's palette, which people with any colour vision
// can tell apart, darkened on white and lightened on black until each has a contrast of 3 to its ground.

#include <string_view>

namespace nxm {

inline constexpr std::string_view kColours = R"css(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#5b6470;--grid:#e3e6ea;--card:#f7f8fa;
--c0:#0068a8;--c1:#c44e00;--c2:#00805c;--c3:#b0457f;--c4:#8a6a00;--c5:#2f8fd0;--c6:#6a4fb3;--c7:#4d4d4d}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e9ed;--soft:#9aa4b0;--grid:#2b3138;--card:#1b1f25;
--c0:#56b4e9;--c1:#ff8a4c;--c2:#2cc79a;--c3:#e58fc0;--c4:#e8d44a;--c5:#8fb4ff;--c6:#b79cff;--c7:#c4c9cf}}
)css";

/// Of the page around the plots.
inline constexpr std::string_view kPageStyle = R"css(
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem clamp(.75rem,3vw,2.5rem) 3rem;max-width:84rem;background:var(--bg);color:var(--fg);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:0 0 .5rem}
p,ul{margin:.5rem 0;max-width:50rem}
.scroll{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;overflow-wrap:normal}
th,td{padding:.3rem .75rem .3rem 0;text-align:left;white-space:nowrap;border-bottom:1px solid var(--grid)}
th{color:var(--soft);font-weight:600}.n{text-align:right}
.figures{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr))}
figure{margin:0;padding:.75rem;background:var(--card);border-radius:.5rem;min-width:0;max-width:44rem}
figure>svg{display:block;width:100%;height:auto}
figcaption{color:var(--soft);font-size:.85rem}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1rem;margin:.4rem 0;padding:0;font-size:.85rem}
.legend li{display:flex;align-items:center;gap:.4rem}
.swatch{width:26px;height:10px;flex:none}
details{margin:.75rem 0}summary{cursor:pointer}
)css";

/// Of what svg.h draws.
inline constexpr std::string_view kPlotStyle = R"css(
svg text{font:11px system-ui,sans-serif;fill:var(--soft)}svg .name{fill:var(--fg)}
.mid{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1;fill:none}
.line{fill:none;stroke-width:1.5;stroke-linejoin:round;stroke:currentColor}.dash{stroke-dasharray:4 3}
.dot{fill:currentColor;stroke:var(--card);stroke-width:.6}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}
.c4{color:var(--c4)}.c5{color:var(--c5)}.c6{color:var(--c6)}.c7{color:var(--c7)}
.cp{color:var(--soft)}.cp .line{stroke-width:1;opacity:.6}
)css";

}  // namespace nxm
