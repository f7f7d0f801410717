"""Training of the network that finds burned-in text: usfm_mm/database/screen/text_net.onnx.

    python -m benchmarks.text_net.train --data ../shared/data --steps 4500 --out text_net.onnx

Texts of eleven scripts are drawn into real pictures without text, and into made-up speckle; the
network learns where they are. Nothing of COVID-BLUES, BUSI and USAnotAI is used, whose licences
allow or promise no such thing, nor of HC18 the files whose names have an even CRC-32: those are for
tests.

Fonts: Debian's fonts-noto-core, -noto-cjk, -noto-mono, -roboto, -lato, -open-sans, -inconsolata,
-courier-prime, ttf-bitstream-vera, fonts-arphic-uming, -arphic-ukai, -takao-gothic, -vlgothic,
-unfonts-core, -baekmuk, -hosny-amiri, -arabeyes, -deva-extra; none of those that
benchmarks/planted_text.py plants with.
"""
