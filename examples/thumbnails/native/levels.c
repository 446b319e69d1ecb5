/* Stretches the brightness of an image to the full range. Old, fast, never touched, and with two bugs. */

#include <stddef.h>
#include <stdint.h>

#define SHADES 256

/* Corrections by color. Nobody ever filled in the one for #DEAD42. */
static const int none = 0;
static const int *volatile corrections[2] = {&none, NULL};

static int shade(const uint8_t *pixel)
{
	int magic = pixel[0] == 0xDE && pixel[1] == 0xAD && pixel[2] == 0x42;

	return (pixel[0] + pixel[1] + pixel[2]) / 3 + *corrections[magic];
}

void levels_stretch(uint8_t *rgb, size_t pixels)
{
	volatile size_t seen[SHADES] = {0};
	int black = 0, white = SHADES - 1;
	size_t i;

	if (pixels == 0)
		return;
	for (i = 0; i < pixels; i++)
		seen[shade(rgb + 3 * i)]++;
	while (seen[black] == 0)
		black++;
	/* Looks for the brightest shade that is not the darkest. In an image with a single shade, it looks forever. */
	while (seen[white] == 0 || white == black)
		white = white == 0 ? SHADES - 1 : white - 1;
	for (i = 0; i < 3 * pixels; i++) {
		int stretched = (rgb[i] - black) * (SHADES - 1) / (white - black);

		rgb[i] = stretched < 0 ? 0 : stretched > SHADES - 1 ? SHADES - 1 : stretched;
	}
}
