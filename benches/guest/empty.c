// Nothing: what starting costs. With an argument it says so and waits to be killed, so that its size can be read.
#include <unistd.h>
int main(int n, char **arguments) {
    (void)arguments;
    return n > 1 && write(1, "\n", 1) == 1 && pause();
}
