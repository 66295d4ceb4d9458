"""The latent plane as one HTML file, which decodes the point under the pointer in the browser.

write      the file, from one run or two
contents   what the page knows of the data set and of each run
pictures   the examples whose images are in the file
network    encoder and decoder as a list of layers
rounding   kernels as small integers
arrays     arrays as text
page/      the page itself: HTML, CSS and JavaScript
"""

from jaxae.explorer.write import write as write
