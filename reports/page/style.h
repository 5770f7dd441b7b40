/* SPDX-License-Identifier: Apache-2.0 */
/* The look of the page: one sheet for light, dark and paper, for any width. */
#ifndef NODENS_REPORTS_STYLE_H
#define NODENS_REPORTS_STYLE_H

/* Colours by meaning, as CSS variables; text 4.5:1 and more on its ground in both modes
 * (WCAG 1.4.3), lines 3:1 (1.4.11): tests/suites/report computes them. */
extern const char page_style[];

#endif
